import { controllerOf } from '../../api/object.ts';
import type { Pod } from '../../api/types.ts';
import { tolerates } from '../nodelifecycle/taints.ts';
import { preferenceOf } from './affinity.ts';
import { filterNode, type NodeInfo, type Refusal, type Snapshot } from './filters.ts';
import { summaryOf } from './summary.ts';
import { volumeProblem } from './volumes.ts';

export type Decision = { node: string } | { message: string };

/** The node a pod goes to, or upstream's sentence on why there is none. Pure. */
export function decide(pod: Pod, snapshot: Snapshot): Decision {
  if (snapshot.nodes.length === 0) return { message: 'no nodes available to schedule pods' };
  const problem = snapshot.volumes && volumeProblem(pod, snapshot.volumes);
  if (problem) {
    const all = snapshot.nodes.length;
    const none = `0/${all} nodes are available`;
    return {
      message: `${none}: ${problem}. preemption: ${none}: ${all} Preemption is not helpful for scheduling.`,
    };
  }
  const refusals: Refusal[] = [];
  const feasible: NodeInfo[] = [];
  for (const info of snapshot.nodes) {
    const refusal = filterNode(pod, info, snapshot);
    if (refusal) refusals.push(refusal);
    else feasible.push(info);
  }
  const [best] = feasible
    .map((info) => ({ info, ranks: rank(pod, info) }))
    .sort((a, b) => compare(a.ranks, b.ranks));
  if (!best) return { message: fitError(refusals) };
  return { node: best.info.node.metadata?.name ?? '' };
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

/** `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) …. preemption: …`. Upstream: FitError.Error. */
export function fitError(refusals: readonly Refusal[]): string {
  const none = `0/${refusals.length} nodes are available`;
  const reasons = tally(refusals.flatMap((refusal) => refusal.reasons));
  const preemption = tally(
    refusals.map((refusal) =>
      refusal.resolvable
        ? 'No preemption victims found for incoming pod'
        : 'Preemption is not helpful for scheduling',
    ),
  );
  return `${none}: ${reasons}. preemption: ${none}: ${preemption}.`;
}

function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
