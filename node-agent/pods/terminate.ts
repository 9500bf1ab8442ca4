import { rmSync } from 'node:fs';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod } from '../../api/types.ts';
import { signalContainer } from '../runtime/containers.ts';
import type { PodContext } from './context.ts';
import { endAll, gracePeriod } from './kill.ts';
import { awaitsNetwork, releaseSandbox } from './sandbox.ts';
import type { PodState } from './state.ts';

/** How often a container that was sent SIGKILL is looked at. */
const killedRetry = 20;

/**
 * A pod that is to be deleted: signals and waits, meanwhile it may still serve; then reports the end, lets go of
 * everything, and removes the object.
 */
export async function terminatePod(
  context: PodContext,
  state: PodState,
  pod: Pod,
): Promise<Again | undefined> {
  const { name = '', namespace = '', uid = '' } = (state.mirror ?? pod).metadata ?? {};
  const killAt = Math.min(state.killAt ?? Number.POSITIVE_INFINITY, Date.now() + gracePeriod(pod));
  state.killAt = killAt;
  // Whether it is healthy matters no more; whether it is ready still does.
  for (const { probes } of state.containers.values()) probes?.stopHealth();
  if (!endAll(context, state, pod, killAt)) return againAt(killAt);

  state.finished = true;
  await context.report(state);
  if (awaitsNetwork(state, context.network())) return undefined;
  await releaseSandbox(state, context.network(), context.kernel);
  try {
    await context.client.delete(
      resources.pods,
      { name, namespace },
      { gracePeriodSeconds: 0, preconditions: { uid } },
    );
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
  }
  // Nobody tells that a manifest is gone for good.
  if (state.isStatic) {
    state.pod = undefined;
    context.enqueue(state.uid);
  }
  return undefined;
}

/** A pod whose work is done, or was ended, keeps its logs, not its network. */
export async function settlePod(context: PodContext, state: PodState, pod: Pod): Promise<Again | undefined> {
  state.killAt ??= Date.now() + gracePeriod(pod);
  if (!endAll(context, state, pod, state.killAt)) return againAt(state.killAt);
  if (state.sandboxReady && !awaitsNetwork(state, context.network()))
    await releaseSandbox(state, context.network(), context.kernel);
  return undefined;
}

/** The object is gone: nothing asks for a farewell. */
export async function removePod(context: PodContext, state: PodState): Promise<Again | 'gone' | undefined> {
  const running = [...state.containers.values()].filter((entry) => entry.running);
  for (const { dir } of running) if (dir) signalContainer(dir, 'SIGKILL');
  if (running.length > 0) return { requeueAfter: killedRetry };
  // All pods are looked at again when it comes.
  if (awaitsNetwork(state, context.network())) return undefined;
  await releaseSandbox(state, context.network(), context.kernel);
  rmSync(state.dir, { recursive: true, force: true });
  context.sources.forget(state.uid);
  return 'gone';
}

/** A little later than the signal; the end of a container is told before. */
const againAt = (time: number): Again => ({ requeueAfter: Math.max(time - Date.now(), 0) + killedRetry });
