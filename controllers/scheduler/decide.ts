import { controllerOf } from '../../api/object.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { tolerates } from '../nodelifecycle/taints.ts';
import { preferenceOf } from './affinity.ts';
import { filterNode, type NodeInfo, type Refusal, type Snapshot } from './filters.ts';
import { preempt, tally } from './preempt.ts';
import { summaryOf } from './summary.ts';
import { volumeProblem } from './volumes.ts';

export type Decision =
  | { node: string }
  | {
      /** Upstream's sentence on why there is no node. */
      message: string;
      /** Where the pod will fit once these are gone. */
      preemption?: { node: string; victims: Pod[] };
      /** Others are already going for it: it keeps its nomination. */
      waits?: true;
    };

/**
 * The node a pod goes to, or why there is none. Pure.
 * @param budgets what preemption has to spare; without, no pod is asked to go for another
 */
export function decide(pod: Pod, snapshot: Snapshot, budgets?: readonly PodDisruptionBudget[]): Decision {
  if (snapshot.nodes.length === 0) return { message: 'no nodes available to schedule pods' };
  const problem = snapshot.volumes && volumeProblem(pod, snapshot.volumes);
  if (problem) {
    const all = snapshot.nodes.length;
    const none = `0/${all} nodes are available`;
    return {
      message: `${none}: ${problem}. preemption: ${none}: ${all} Preemption is not helpful for scheduling.`,
    };
  }
  const refusals = snapshot.nodes.map((info) => filterWithNominated(pod, info, snapshot));
  const feasible = snapshot.nodes.filter((_, index) => !refusals[index]);
  const nominated = feasible.find(({ node }) => node.metadata?.name === pod.status?.nominatedNodeName);
  if (nominated) return { node: nominated.node.metadata?.name ?? '' };
  const [best] = feasible
    .map((info) => ({ info, ranks: rank(pod, info) }))
    .sort((a, b) => compare(a.ranks, b.ranks));
  if (best) return { node: best.info.node.metadata?.name ?? '' };
  return refuse(
    pod,
    snapshot,
    refusals.flatMap((refusal) => refusal ?? []),
    budgets,
  );
}

function refuse(
  pod: Pod,
  snapshot: Snapshot,
  refusals: readonly Refusal[],
  budgets: readonly PodDisruptionBudget[] | undefined,
): Decision {
  const reasons = tally(refusals.flatMap((refusal) => refusal.reasons));
  const head = `0/${refusals.length} nodes are available: ${reasons}.`;
  const preemption = preempt(pod, budgets ? snapshot : withoutPods(snapshot), refusals, budgets ?? []);
  if ('node' in preemption) return { message: head, preemption };
  const message = `${head} preemption: ${preemption.problem}`;
  return preemption.waits ? { message, waits: true } : { message };
}

/** Nobody is to go: none is there. */
function withoutPods(snapshot: Snapshot): Snapshot {
  return { ...snapshot, nodes: snapshot.nodes.map(({ node }) => ({ node, pods: [] })) };
}

/**
 * Room that others were promised, for whom pods are going, is not free for pods that are not more important. Upstream:
 * RunFilterPluginsWithNominatedPods.
 */
function filterWithNominated(pod: Pod, info: NodeInfo, snapshot: Snapshot): Refusal | undefined {
  const { nominated = [] } = snapshot;
  const coming = nominated.filter(
    (other) =>
      other.status?.nominatedNodeName === info.node.metadata?.name &&
      other.metadata?.uid !== pod.metadata?.uid &&
      (other.spec?.priority ?? 0) >= (pod.spec?.priority ?? 0),
  );
  if (coming.length === 0) return filterNode(pod, info, snapshot);
  const fuller = { node: info.node, pods: [...info.pods, ...coming] };
  const nodes = snapshot.nodes.map((one) => (one === info ? fuller : one));
  return filterNode(pod, fuller, { ...snapshot, nodes }) ?? filterNode(pod, info, snapshot);
}

/**
 * Lower is better, rule by rule: wishes of the pod, then spread of its controller's pods, then of all pods;
 * the name makes it the same every time.
 */
function rank(pod: Pod, info: NodeInfo): (number | string)[] {
  const { node, pods } = info;
  const owner = controllerOf(pod)?.uid;
  const unwelcome = (node.spec?.taints ?? []).filter(
    (taint) =>
      taint.effect === 'PreferNoSchedule' && !pod.spec?.tolerations?.some((own) => tolerates(own, taint)),
  );
  return [
    unwelcome.length,
    -preferenceOf(pod, node),
    owner === undefined ? 0 : (summaryOf(info).byController.get(owner) ?? 0),
    pods.length,
    node.metadata?.name ?? '',
  ];
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  const rule = a.findIndex((value, index) => value !== b[index]);
  return rule < 0 ? 0 : (a[rule] ?? 0) < (b[rule] ?? 0) ? -1 : 1;
}
