import type { Container, Probe } from '../../api/types.ts';
import { isListening, untilListening } from './listening.ts';
import { type ProbeTarget, probeOnce } from './probe-actions.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeEvents {
  /** `started` or `ready` is another than before. */
  onChange(): void;
  onFailure(kind: ProbeKind, message: string): void;
  /** The container must be ended. */
  onUnhealthy(kind: ProbeKind): void;
}

/** The probes of one running container. */
export interface ProbeRunner {
  readonly started: boolean;
  readonly ready: boolean;
  /** Nobody is told any more that it is not healthy; whether it is ready still is. */
  stopHealth(): void;
  stop(): void;
}

/**
 * Milliseconds between the looks at a container that has just been started: most are ready well before
 * the first period is over. These looks do not count as failures.
 */
const firstLooks = [25, 25, 50, 50, 100, 100, 200, 200, 250];

/**
 * Starts a container's probes; upstream: `pkg/kubelet/prober/worker.go`. `before` is what was known of it, when
 * it ran before.
 */
export function startProbes(
  container: Container,
  target: ProbeTarget,
  events: ProbeEvents,
  before?: { started: boolean; ready: boolean },
): ProbeRunner {
  const end = new AbortController();
  const health = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const { startupProbe, livenessProbe, readinessProbe } = container;
  const ports = (container.ports ?? [])
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ containerPort }) => containerPort);
  const state = {
    started: !startupProbe || before?.started === true,
    ready: before?.ready ?? (!readinessProbe && isListening(target.pid, ports)),
  };

  const loop = (kind: ProbeKind, probe: Probe | undefined, onResult: (healthy: boolean) => boolean) => {
    if (!probe) return;
    const { signal } = kind === 'readiness' ? end : health;
    const period = (probe.periodSeconds ?? 10) * 1000;
    let successes = 0;
    let failures = 0;
    let early = kind === 'liveness' ? 0 : firstLooks.length;
    const turn = async () => {
      const failure = await probeOnce(container, probe, target, signal);
      if (signal.aborted) return;
      if (failure !== undefined && early > 0) {
        schedule(firstLooks[firstLooks.length - early--] ?? period);
        return;
      }
      early = 0;
      if (failure === undefined) {
        failures = 0;
        successes++;
      } else {
        successes = 0;
        failures++;
        events.onFailure(kind, failure);
      }
      const settled =
        (successes >= (probe.successThreshold ?? 1) && onResult(true)) ||
        (failures >= (probe.failureThreshold ?? 3) && onResult(false));
      if (!settled && !signal.aborted) schedule(period);
    };
    const schedule = (delay: number) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        if (!signal.aborted) void turn();
      }, delay);
      timers.add(timer);
    };
    schedule((probe.initialDelaySeconds ?? 0) * 1000);
  };

  const startOthers = () => {
    if (!readinessProbe && !state.ready) {
      void untilListening(target.pid, ports, end.signal).then(() => {
        if (end.signal.aborted) return;
        state.ready = true;
        events.onChange();
      });
    }
    loop('readiness', readinessProbe, (healthy) => {
      if (state.ready !== healthy) {
        state.ready = healthy;
        events.onChange();
      }
      return false;
    });
    loop('liveness', livenessProbe, (healthy) => {
      if (!healthy) events.onUnhealthy('liveness');
      return !healthy;
    });
  };
  if (startupProbe && !state.started)
    loop('startup', startupProbe, (healthy) => {
      if (healthy) {
        state.started = true;
        events.onChange();
        startOthers();
      } else {
        events.onUnhealthy('startup');
      }
      return true;
    });
  else startOthers();

  return {
    get started() {
      return state.started;
    },
    get ready() {
      return state.ready;
    },
    stopHealth: () => health.abort(),
    stop() {
      end.abort();
      health.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
