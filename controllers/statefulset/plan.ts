import type { Pod, StatefulSet, StatefulSetStatus } from '../../api/types.ts';
import { scaledValue } from '../deployment/rolling.ts';
import { nonZero } from '../lookup.ts';
import { isPodActive, isPodReady, isPodTerminal, untilAvailable } from '../pod.ts';
import { ordinalOf, revisionOf } from './pods.ts';

/** What to do for one pod. `why` tells a deletion of a pod that has ended from the others. */
export type Step =
  | { create: number; revision: 'current' | 'update' }
  | { remove: Pod; why: 'ended' | 'scaling' | 'update' };

/** Names of the ControllerRevisions in a rollout; equal when there is none. */
export interface RevisionNames {
  current: string;
  update: string;
}

/**
 * The next steps of a StatefulSet: with `OrderedReady` at most one, and none while a pod before it is not
 * yet available; with `Parallel` all that scaling needs. Updates go from the highest ordinal down, one at a
 * time or as `maxUnavailable` says. Upstream: `updateStatefulSet` in `pkg/controller/statefulset/stateful_set_control.go`.
 */
export function planStatefulSet(
  set: StatefulSet,
  revisions: RevisionNames,
  pods: readonly Pod[],
  now: number,
): Step[] {
  const { replicas, condemned } = arrange(set, pods);
  const ordered = set.spec?.podManagementPolicy !== 'Parallel';
  const isHealthy = (pod: Pod) => isPodActive(pod) && untilAvailable(pod, minReady(set), now) === 0;
  const firstUnhealthy = [...replicas.values(), ...condemned].find((pod) => !pod || !isHealthy(pod));
  const steps: Step[] = [];

  for (const [ordinal, pod] of replicas) {
    if (!pod) steps.push({ create: ordinal, revision: revisionFor(set, ordinal) });
    else if (isPodTerminal(pod) && !isTerminating(pod)) steps.push({ remove: pod, why: 'ended' });
    else if (!ordered || isHealthy(pod)) continue;
    if (ordered) return steps;
  }
  for (const pod of condemned.toReversed()) {
    if (isTerminating(pod)) {
      if (ordered) return steps;
      continue;
    }
    if (ordered && !isHealthy(pod) && pod !== firstUnhealthy) return steps;
    steps.push({ remove: pod, why: 'scaling' });
    if (ordered) return steps;
  }
  if (steps.length > 0 || set.spec?.updateStrategy?.type === 'OnDelete') return steps;

  const { partition = 0, maxUnavailable } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const least = start(set) + partition;
  if (maxUnavailable !== undefined) {
    const unavailable = [...replicas.values()].filter((pod) => !pod || !isHealthy(pod)).length;
    const most = Math.max(1, scaledValue(maxUnavailable, replicas.size, false));
    return [...replicas]
      .reverse()
      .flatMap(([ordinal, pod]) => (ordinal >= least && pod ? [pod] : []))
      .filter((pod) => revisionOf(pod) !== revisions.update && !isTerminating(pod))
      .slice(0, Math.max(0, most - unavailable))
      .map((pod) => ({ remove: pod, why: 'update' }));
  }
  for (const [ordinal, pod] of [...replicas].reverse()) {
    if (ordinal < least || !pod) break;
    if (revisionOf(pod) !== revisions.update && !isTerminating(pod)) return [{ remove: pod, why: 'update' }];
    if (!isHealthy(pod)) break;
  }
  return [];
}

/** Counts the pods; a rollout that reached every pod makes its revision the current one. Upstream: completeRollingUpdate. */
export function statusOf(
  set: StatefulSet,
  revisions: RevisionNames,
  pods: readonly Pod[],
  collisionCount: number | undefined,
  now: number,
): StatefulSetStatus {
  const live = pods.filter((pod) => !isTerminating(pod));
  const count = (test: (pod: Pod) => boolean) => live.filter(test).length;
  const isRunning = (pod: Pod) => pod.status?.phase === 'Running' && isPodReady(pod);
  const ready = pods.filter(isRunning);
  const updatedReplicas = count((pod) => revisionOf(pod) === revisions.update);
  const wanted = set.spec?.replicas ?? 1;
  const isDone =
    set.spec?.updateStrategy?.type === 'RollingUpdate' &&
    [updatedReplicas, ready.length, pods.length].every((number) => number === wanted);
  return {
    observedGeneration: set.metadata?.generation ?? 0,
    replicas: pods.length,
    availableReplicas: ready.filter((pod) => untilAvailable(pod, minReady(set), now) === 0).length,
    ...nonZero({
      readyReplicas: ready.length,
      updatedReplicas,
      currentReplicas: isDone ? updatedReplicas : count((pod) => revisionOf(pod) === revisions.current),
    }),
    currentRevision: isDone ? revisions.update : revisions.current,
    updateRevision: revisions.update,
    collisionCount: collisionCount ?? 0,
  };
}

/** The smallest number of milliseconds until some ready pod becomes available. */
export function untilNextAvailable(set: StatefulSet, pods: readonly Pod[], now: number): number | undefined {
  const waits = pods.map((pod) => untilAvailable(pod, minReady(set), now) ?? 0).filter((wait) => wait > 0);
  return waits.length > 0 ? Math.min(...waits) + 1 : undefined;
}

/** The wanted ordinals, each with its pod, and the pods of those beyond, both in order. */
function arrange(
  set: StatefulSet,
  pods: readonly Pod[],
): { replicas: Map<number, Pod | undefined>; condemned: Pod[] } {
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
  const first = start(set);
  const wanted = Array.from({ length: set.spec?.replicas ?? 1 }, (_, index) => first + index);
  const replicas = new Map(wanted.map((ordinal) => [ordinal, byOrdinal.get(ordinal)]));
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal >= 0 && !replicas.has(ordinal))
    .sort(([a], [b]) => a - b)
    .map(([, pod]) => pod);
  return { replicas, condemned };
}

/** Below the partition, a pod that is lost comes back as it was. Upstream: newVersionedStatefulSetPod. */
function revisionFor(set: StatefulSet, ordinal: number): 'current' | 'update' {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  const isKept = type === 'RollingUpdate' && ordinal < start(set) + (rollingUpdate?.partition ?? 0);
  return isKept ? 'current' : 'update';
}

const start = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
const minReady = (set: StatefulSet): number => set.spec?.minReadySeconds ?? 0;
const isTerminating = ({ metadata }: Pod): boolean => metadata?.deletionTimestamp !== undefined;
