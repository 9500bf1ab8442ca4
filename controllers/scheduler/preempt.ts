import { matchesLabelSelector } from '../../api/object.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { podCondition } from '../pod.ts';
import { filterNode, type NodeInfo, type Refusal, type Snapshot } from './filters.ts';

/** The node a pod can run on once some others are gone, and these; or why there is none, in upstream's words. */
export type Preemption = { node: string; victims: Pod[] } | { problem: string; waits: boolean };

/** What the pods are told that must go. Upstream: `v1.PodReasonPreemptionByScheduler`. */
export const preemptionReason = 'PreemptionByScheduler';

interface Candidate {
  node: string;
  /** The most important one first. */
  victims: Pod[];
  /** How many of them a budget does not give. */
  violations: number;
}

const priorityOf = ({ spec }: Pod): number => spec?.priority ?? 0;
const startOf = ({ status, metadata }: Pod): number =>
  Date.parse(status?.startTime ?? metadata?.creationTimestamp ?? '') || 0;
/** Those of higher priority first, then those that run for longer. Upstream: MoreImportantPod. */
const byImportance = (a: Pod, b: Pod) => priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b);

/**
 * Finds pods of lower priority without which `pod` fits on a node, as few and unimportant ones as can be. Pure.
 * Upstream: `plugins/defaultpreemption`.
 *
 * @param refusals of the nodes, in their order: only what resolvable ones say changes when pods go
 */
export function preempt(
  pod: Pod,
  snapshot: Snapshot,
  refusals: readonly Refusal[],
  budgets: readonly PodDisruptionBudget[],
): Preemption {
  if (pod.spec?.preemptionPolicy === 'Never') {
    return { problem: 'not eligible due to preemptionPolicy=Never.', waits: false };
  }
  if (isMakingRoom(pod, snapshot)) {
    return { problem: 'not eligible due to a terminating pod on the nominated node.', waits: true };
  }
  const candidates: Candidate[] = [];
  const reasons: string[] = [];
  for (const [index, info] of snapshot.nodes.entries()) {
    if (!refusals[index]?.resolvable) {
      reasons.push('Preemption is not helpful for scheduling');
      continue;
    }
    const found = victimsOn(pod, info, snapshot, budgets);
    if ('reasons' in found) reasons.push(...found.reasons);
    else candidates.push(found);
  }
  const [best] = candidates.sort(byHarm);
  if (best) return { node: best.node, victims: best.victims };
  return { problem: `0/${snapshot.nodes.length} nodes are available: ${tally(reasons)}.`, waits: false };
}

/** Upstream: PodEligibleToPreemptOthers. */
function isMakingRoom(pod: Pod, { nodes }: Snapshot): boolean {
  const nominated = pod.status?.nominatedNodeName;
  if (!nominated) return false;
  const { pods = [] } = nodes.find(({ node }) => node.metadata?.name === nominated) ?? {};
  return pods.some(
    (other) =>
      other.metadata?.deletionTimestamp !== undefined &&
      priorityOf(other) < priorityOf(pod) &&
      podCondition(other, 'DisruptionTarget')?.reason === preemptionReason,
  );
}

/** Who must go from one node: all of lower priority but those that may stay after all. Upstream: SelectVictimsOnNode. */
function victimsOn(
  pod: Pod,
  info: NodeInfo,
  snapshot: Snapshot,
  budgets: readonly PodDisruptionBudget[],
): Candidate | { reasons: string[] } {
  const lower = info.pods.filter((other) => priorityOf(other) < priorityOf(pod)).sort(byImportance);
  if (lower.length === 0) return { reasons: ['No preemption victims found for incoming pod'] };
  let staying = info.pods.filter((other) => !lower.includes(other));
  const refusalWith = (pods: readonly Pod[]): Refusal | undefined => {
    const changed = { node: info.node, pods };
    const nodes = snapshot.nodes.map((one) => (one === info ? changed : one));
    return filterNode(pod, changed, { ...snapshot, nodes });
  };
  const refusal = refusalWith(staying);
  if (refusal) return { reasons: refusal.reasons };
  const { violating, others } = byBudget(lower, budgets);
  const reprieve = (candidates: readonly Pod[]): Pod[] =>
    candidates.filter((candidate) => {
      const pods = [...staying, candidate];
      if (refusalWith(pods)) return true;
      staying = pods;
      return false;
    });
  const broken = reprieve(violating);
  const victims = [...broken, ...reprieve(others)].sort(byImportance);
  return { node: info.node.metadata?.name ?? '', victims, violations: broken.length };
}

/** Whose going a budget does not give, were all of them to go. Upstream: filterPodsWithPDBViolation. */
function byBudget(pods: readonly Pod[], budgets: readonly PodDisruptionBudget[]) {
  const left = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0);
  const violating: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    const { name = '', namespace, labels } = pod.metadata ?? {};
    let violates = false;
    for (const [index, { metadata, spec, status }] of budgets.entries()) {
      if (metadata?.namespace !== namespace || isEmpty(spec?.selector)) continue;
      if (!matchesLabelSelector(spec?.selector ?? {}, labels)) continue;
      // The eviction that counts for it was granted before.
      if (Object.hasOwn(status?.disruptedPods ?? {}, name)) continue;
      left[index] = (left[index] ?? 0) - 1;
      if ((left[index] ?? 0) < 0) violates = true;
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

function isEmpty(selector: NonNullable<PodDisruptionBudget['spec']>['selector']): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

/** Upstream, rule by rule: pickOneNodeForPreemption. The latest start of the most important ones is least lost. */
function byHarm(a: Candidate, b: Candidate): number {
  const rules: ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims: [first] }) => (first ? priorityOf(first) : 0),
    // Shifted, so that a few of negative priority do not weigh less than one.
    ({ victims }) => victims.reduce((sum, victim) => sum + priorityOf(victim) + 2 ** 31, 0),
    ({ victims }) => victims.length,
    ({ victims }) => {
      const [first] = victims;
      const highest = victims.filter((victim) => first && priorityOf(victim) === priorityOf(first));
      return -Math.min(...highest.map(startOf));
    },
  ];
  for (const rule of rules) if (rule(a) !== rule(b)) return rule(a) - rule(b);
  return a.node < b.node ? -1 : 1;
}

/** `2 Insufficient cpu, 1 node(s) …`. Upstream: FitError. */
export function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
