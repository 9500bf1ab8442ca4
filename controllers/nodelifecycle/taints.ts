import type { Node, Pod, Taint, Toleration } from '../../api/types.ts';
import { readyCondition } from './health.ts';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** Conditions whose being True keeps new pods away. */
const pressures: Record<string, string> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const unschedulable = 'node.kubernetes.io/unschedulable';
const managed = new Set([notReadyTaint, unreachableTaint, unschedulable, ...Object.values(pressures)]);

/**
 * The taints a node is to have: its own, and those that follow from its conditions. Upstream:
 * doNoScheduleTaintingPass and processTaintBaseEviction.
 */
export function wantedTaints(node: Node, now: string): Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted: Taint[] = [];
  const ready = readyCondition(node)?.status;
  const trouble = ready === 'True' ? undefined : ready === 'Unknown' ? unreachableTaint : notReadyTaint;
  if (trouble) {
    wanted.push({ key: trouble, effect: 'NoSchedule' });
    // Without any report yet nothing runs there that could be evicted.
    if (ready !== undefined) wanted.push({ key: trouble, effect: 'NoExecute' });
  }
  for (const { type, status } of node.status?.conditions ?? []) {
    const key = pressures[type];
    if (key && status === 'True') wanted.push({ key, effect: 'NoSchedule' });
  }
  if (node.spec?.unschedulable) wanted.push({ key: unschedulable, effect: 'NoSchedule' });
  const kept = present.filter(({ key }) => !managed.has(key));
  const stamped = wanted.map(
    (taint) => present.find((known) => sameTaint(known, taint)) ?? { ...taint, timeAdded: now },
  );
  return [...kept, ...stamped];
}

export function sameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}

/** Upstream: `Toleration.ToleratesTaint`. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return toleration.key !== undefined && (toleration.value ?? '') === (taint.value ?? '');
}

/**
 * When (ms since the epoch) a pod has to leave a node with these taints: 0 for at once, Infinity for
 * never. What it tolerates for a while it tolerates from when both are there. Upstream: `tainteviction/taint_eviction.go`.
 */
export function evictionTime(pod: Pod, taints: readonly Taint[]): number {
  const tolerations = pod.spec?.tolerations ?? [];
  let time = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const tolerating = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (tolerating.length === 0) return 0;
    const seconds = tolerating.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    if (seconds.length === 0) continue;
    const since = Math.max(Date.parse(taint.timeAdded ?? '') || 0, arrivalOf(pod));
    time = Math.min(time, since + Math.max(0, Math.min(...seconds)) * 1000);
  }
  return time;
}

/** When a pod came to its node, as far as it tells. */
function arrivalOf({ metadata, status }: Pod): number {
  const scheduled = status?.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'True',
  );
  return Date.parse(scheduled?.lastTransitionTime ?? metadata?.creationTimestamp ?? '') || 0;
}
