import type { Pod } from '../../api/types.ts';
import { isPodActive, isPodReady, podCondition } from '../pod.ts';

const phases = ['Pending', 'Unknown', 'Running'];

/**
 * The `count` pods that are missed least: not scheduled before scheduled, pending before running, not
 * ready before ready, lower deletion cost, on nodes with more of `related`, ready for a shorter time, more restarts, younger.
 * Upstream: `ActivePodsWithRanks` in `pkg/controller/controller_utils.go`.
 */
export function podsToDelete(
  pods: readonly Pod[],
  related: Iterable<Pod>,
  count: number,
  now: number,
): Pod[] {
  if (count >= pods.length) return [...pods];
  const onNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName ?? '';
    if (isPodActive(pod)) onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const rules: ((pod: Pod) => number)[] = [
    (pod) => (pod.spec?.nodeName ? 1 : 0),
    (pod) => phases.indexOf(pod.status?.phase ?? 'Pending'),
    (pod) => (isPodReady(pod) ? 1 : 0),
    deletionCost,
    (pod) => -(onNode.get(pod.spec?.nodeName ?? '') ?? 0),
    (pod) => (isPodReady(pod) ? logarithmicAge(podCondition(pod, 'Ready')?.lastTransitionTime, now) : 0),
    (pod) => -Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
    (pod) => logarithmicAge(pod.metadata?.creationTimestamp, now),
  ];
  const ranked = pods.map((pod) => ({ pod, ranks: rules.map((rule) => rule(pod)) }));
  ranked.sort((a, b) => {
    const rule = a.ranks.findIndex((rank, index) => rank !== b.ranks[index]);
    if (rule >= 0) return (a.ranks[rule] ?? 0) - (b.ranks[rule] ?? 0);
    // Pods of about the same age: by UID, which is random (KEP-2185).
    return (a.pod.metadata?.uid ?? '') < (b.pod.metadata?.uid ?? '') ? -1 : 1;
  });
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** Annotation `controller.kubernetes.io/pod-deletion-cost` (KEP-2255). */
function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

/** Whole powers of two of an age in seconds: which pod is some seconds older does not matter (KEP-2185). */
function logarithmicAge(since: string | undefined, now: number): number {
  const seconds = (now - Date.parse(since ?? '')) / 1000;
  return Number.isNaN(seconds) ? -1 : Math.floor(Math.log2(Math.max(1, seconds)));
}
