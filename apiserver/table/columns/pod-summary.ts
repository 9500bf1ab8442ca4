import type { Container, ContainerStateTerminated, ContainerStatus, Pod } from '../../../api/types.ts';
import { humanDuration } from '../duration.ts';

/** A pod in three cells. */
export interface PodSummary {
  /** `1/2` */
  ready: string;
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating` … */
  status: string;
  /** `0`, `3 (5s ago)` */
  restarts(now: number): string;
}

interface Count {
  ready: number;
  restarts: number;
  /** Milliseconds since the epoch, 0 for never. */
  lastRestart: number;
  status: string;
}

/** Upstream: `printPod` in `pkg/printers/internalversion/printers.go`. */
export function summarizePod(pod: Pod): PodSummary {
  const { spec, status = {}, metadata } = pod;
  const sidecars = (spec?.initContainers ?? []).filter(isSidecar);
  const phase = status.reason || status.phase || '';
  const gated = status.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  const start: Count = { ready: 0, restarts: 0, lastRestart: 0, status: gated ? 'SchedulingGated' : phase };
  const initial = initialize(pod, start);
  const count = initial.initializing ? initial : run(pod, initial);
  return {
    ready: `${count.ready}/${(spec?.containers.length ?? 0) + sidecars.length}`,
    status: deletion(metadata?.deletionTimestamp, status.reason, status.phase) ?? count.status,
    restarts: (now) =>
      count.restarts > 0 && count.lastRestart > 0
        ? `${count.restarts} (${humanDuration(now - count.lastRestart)} ago)`
        : String(count.restarts),
  };
}

function initialize(pod: Pod, start: Count): Count & { initializing: boolean } {
  const { initContainers = [] } = pod.spec ?? {};
  const count = { ...start };
  const sidecarRestarts = { restarts: 0, lastRestart: 0 };
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    addRestarts(count, status);
    const sidecar = initContainers.find(({ name }) => name === status.name);
    const { terminated, waiting } = status.state ?? {};
    if (sidecar && isSidecar(sidecar)) {
      addRestarts(sidecarRestarts, status);
      if (status.started) {
        if (status.ready) count.ready++;
        continue;
      }
    }
    if (terminated?.exitCode === 0) continue;
    if (terminated) count.status = `Init:${outcome(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') count.status = `Init:${waiting.reason}`;
    else count.status = `Init:${index}/${initContainers.length}`;
    return { ...count, initializing: !hasCondition(pod, 'Initialized') };
  }
  return { ...count, ...sidecarRestarts, initializing: false };
}

function run(pod: Pod, start: Count): Count {
  const count = { ...start };
  let running = false;
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    addRestarts(count, container);
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) count.status = waiting.reason;
    else if (terminated) count.status = outcome(terminated);
    else if (container.ready && runs) {
      running = true;
      count.ready++;
    }
  }
  if (count.status === 'Completed' && running) {
    count.status = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  }
  return count;
}

function deletion(timestamp: string | undefined, reason: string | undefined, phase: string | undefined) {
  if (!timestamp) return undefined;
  if (reason === 'NodeLost') return 'Unknown';
  return phase === 'Succeeded' || phase === 'Failed' ? undefined : 'Terminating';
}

function outcome({ reason, signal, exitCode }: ContainerStateTerminated): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function addRestarts(count: { restarts: number; lastRestart: number }, status: ContainerStatus): void {
  count.restarts += status.restartCount;
  const finished = Date.parse(status.lastState?.terminated?.finishedAt ?? '');
  if (finished > count.lastRestart) count.lastRestart = finished;
}

/** An init container that goes on running beside the others. */
function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}
