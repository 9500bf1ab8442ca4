import { controllerOf } from '../../api/object.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { NodeInfo } from './filters.ts';
import { type Amounts, parseAmounts, podRequests } from './resources.ts';

/** What decisions want to know of all pods of a node. */
export interface Summary {
  /** The sum of what they request. */
  readonly requested: Amounts;
  /** How many there are of each controller, by its uid. */
  readonly byController: ReadonlyMap<string, number>;
  /** Those with required anti-affinity. */
  readonly repelling: readonly Pod[];
}

const known = new WeakMap<NodeInfo, Summary>();

/** Worked out once: a node's info is replaced when its pods change, and every decision looks at all nodes. */
export function summaryOf(info: NodeInfo): Summary {
  let summary = known.get(info);
  if (!summary) {
    summary = summarize(info);
    known.set(info, summary);
  }
  return summary;
}

function summarize({ pods }: NodeInfo): Summary {
  const requested: Amounts = {};
  const byController = new Map<string, number>();
  for (const pod of pods) {
    for (const [name, amount] of Object.entries(podRequests(pod)))
      requested[name] = (requested[name] ?? 0) + amount;
    const uid = controllerOf(pod)?.uid;
    if (uid !== undefined) byController.set(uid, (byController.get(uid) ?? 0) + 1);
  }
  const terms = ({ spec }: Pod) =>
    spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return { requested, byController, repelling: pods.filter((pod) => terms(pod).length > 0) };
}

const amounts = new WeakMap<Node, Amounts>();

/** What a node has for pods. */
export function allocatableOf(node: Node): Amounts {
  let parsed = amounts.get(node);
  if (!parsed) {
    parsed = parseAmounts(node.status?.allocatable ?? node.status?.capacity);
    amounts.set(node, parsed);
  }
  return parsed;
}
