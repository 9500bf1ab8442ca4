import type { DaemonSet, DaemonSetStatus, Node, Pod } from '../../api/types.ts';
import { scaledValue } from '../deployment/rolling.ts';
import { revisionLabel } from '../history/history.ts';
import { nonZero } from '../lookup.ts';
import { isPodReady, untilAvailable } from '../pod.ts';
import { judgeNode, targetNode } from './nodes.ts';

/** What a DaemonSet needs done: nodes that get a pod, and pods that go. */
export interface DaemonPlan {
  create: string[];
  remove: Pod[];
  /** Pods among `remove` that failed: they are reported, and not replaced too quickly. */
  failed: Pod[];
}

/** The pods of a set, by the node each is for. */
export type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

export function groupByNode(pods: readonly Pod[]): PodsByNode {
  const groups = Map.groupBy(pods, (pod) => targetNode(pod) ?? '');
  groups.delete('');
  return groups;
}

/** A pod for every node that is to have one, none elsewhere, no second. Upstream: podsShouldBeOnNode. */
export function planNodes(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: PodsByNode,
  hash: string,
): DaemonPlan {
  const plan: DaemonPlan = { create: [], remove: [], failed: [] };
  const names = new Set<string>();
  for (const node of nodes) {
    const name = node.metadata?.name ?? '';
    names.add(name);
    const { shouldRun, shouldContinue } = judgeNode(set, node);
    const present = pods.get(name) ?? [];
    const staying = present.filter((pod) => !isTerminating(pod));
    if (shouldRun && present.length === 0) plan.create.push(name);
    else if (!shouldContinue) plan.remove.push(...staying);
    else {
      const failed = staying.filter(({ status }) => status?.phase === 'Failed');
      plan.failed.push(...failed);
      plan.remove.push(
        ...failed,
        ...duplicates(
          set,
          staying.filter((pod) => !failed.includes(pod)),
          hash,
        ),
      );
    }
  }
  // What waits for a node that does not exist can never be scheduled.
  for (const [name, waiting] of pods) {
    if (!names.has(name))
      plan.remove.push(...waiting.filter((pod) => !pod.spec?.nodeName && !isTerminating(pod)));
  }
  return plan;
}

/** One pod a node, the oldest; during a surge one of each template. */
function duplicates(set: DaemonSet, pods: readonly Pod[], hash: string): Pod[] {
  const beyondFirst = (some: readonly Pod[]) =>
    some.toSorted((a, b) => rank(a) - rank(b) || (created(a) < created(b) ? -1 : 1)).slice(1);
  if (scaledValue(rolling(set).maxSurge, 1, true) === 0) return beyondFirst(pods);
  const { true: updated = [], false: old = [] } = Object.groupBy(pods, (pod) => `${isUpdated(pod, hash)}`);
  return [...beyondFirst(updated), ...beyondFirst(old)];
}

/** The next step of a rolling update. Upstream: rollingUpdate in `pkg/controller/daemon/update.go`. */
export function planUpdate(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: PodsByNode,
  hash: string,
  now: number,
): Pick<DaemonPlan, 'create' | 'remove'> {
  if (set.spec?.updateStrategy?.type !== 'RollingUpdate') return { create: [], remove: [] };
  const desired = nodes.filter((node) => judgeNode(set, node).shouldRun).length;
  const surge = scaledValue(rolling(set).maxSurge, desired, true);
  const asked = scaledValue(rolling(set).maxUnavailable, desired, true);
  const unavailable = surge + asked === 0 ? 1 : asked;
  const isAvailable = (pod: Pod) => !isTerminating(pod) && untilAvailable(pod, minReady(set), now) === 0;
  const sides = [...pods].map(([node, all]) => ({
    node,
    updated: all.find((pod) => isUpdated(pod, hash)),
    old: all.find((pod) => !isUpdated(pod, hash)),
  }));

  if (surge > 0) {
    const both = sides.flatMap(({ updated, old }) => (updated && old ? [{ updated, old }] : []));
    const only = sides.filter(({ updated, old }) => !updated && old);
    const urgent = only.filter(({ old }) => old && !isAvailable(old));
    const waiting = only.filter((side) => !urgent.includes(side));
    const surging = both.filter(({ updated }) => !isAvailable(updated)).length;
    const chosen = [...urgent, ...waiting.slice(0, Math.max(0, surge - surging))];
    return {
      create: chosen.map(({ node }) => node),
      remove: both
        .filter(({ updated, old }) => isAvailable(updated) && !isTerminating(old))
        .map(({ old }) => old),
    };
  }
  const single = sides.filter(({ updated, old }) => !(updated && old));
  const olds = single.flatMap(({ old }) => old ?? []);
  const missing = single.filter(({ updated, old }) => {
    const pod = updated ?? old;
    return pod && !isAvailable(pod);
  }).length;
  const broken = olds.filter((pod) => !isAvailable(pod) && !isTerminating(pod));
  const sound = olds.filter(isAvailable).slice(0, Math.max(0, unavailable - missing));
  return { create: [], remove: [...broken, ...sound] };
}

/** Counts nodes, not pods. Upstream: updateDaemonSetStatus. */
export function statusOf(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: PodsByNode,
  hash: string,
  collisionCount: number | undefined,
  now: number,
): DaemonSetStatus {
  let [desired, misscheduled] = [0, 0];
  const first: Pod[] = [];
  for (const node of nodes) {
    const [pod] = (pods.get(node.metadata?.name ?? '') ?? []).toSorted(
      (a, b) => rank(a) - rank(b) || (created(a) < created(b) ? -1 : 1),
    );
    if (judgeNode(set, node).shouldRun) {
      desired += 1;
      if (pod) first.push(pod);
    } else if (pod) misscheduled += 1;
  }
  const available = first.filter((pod) => untilAvailable(pod, minReady(set), now) === 0).length;
  return {
    currentNumberScheduled: first.length,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: first.filter(isPodReady).length,
    observedGeneration: set.metadata?.generation ?? 0,
    ...nonZero({
      updatedNumberScheduled: first.filter((pod) => isUpdated(pod, hash)).length,
      numberAvailable: available,
      numberUnavailable: desired - available,
    }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

const isUpdated = ({ metadata }: Pod, hash: string): boolean => metadata?.labels?.[revisionLabel] === hash;
const isTerminating = ({ metadata }: Pod): boolean => metadata?.deletionTimestamp !== undefined;
const minReady = (set: DaemonSet): number => set.spec?.minReadySeconds ?? 0;
const rolling = (set: DaemonSet) => set.spec?.updateStrategy?.rollingUpdate ?? {};
const created = ({ metadata }: Pod): string => `${metadata?.creationTimestamp} ${metadata?.name}`;
/** Pods that have a node come before those that wait for one. */
const rank = ({ spec }: Pod): number => (spec?.nodeName ? 0 : 1);
