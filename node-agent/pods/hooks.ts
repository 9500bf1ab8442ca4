import { setTimeout as delay } from 'node:timers/promises';
import type { Container, LifecycleHandler } from '../../api/types.ts';
import { type ProbeTarget, runAction } from './probe-actions.ts';

/**
 * Runs a postStart or preStop hook. Undefined when it succeeded or has nothing to do, else what went wrong. Upstream:
 * `pkg/kubelet/lifecycle/handlers.go`.
 */
export async function runHook(
  container: Container,
  hook: LifecycleHandler,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (hook.sleep) {
    try {
      await delay(hook.sleep.seconds * 1000, undefined, { signal });
      return undefined;
    } catch {
      return 'the container ended first'; // The only way for a sleep to end early.
    }
  }
  return runAction(container, hook, target, signal);
}
