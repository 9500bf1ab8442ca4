import { matchesLabelSelector } from '../../api/object.ts';
import type {
  LabelSelector,
  Namespace,
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PersistentVolume,
  Pod,
  PodAffinityTerm,
} from '../../api/types.ts';
import { matchesSelector } from '../lookup.ts';

/** True when a node satisfies `nodeSelector` and the required node affinity. Upstream: `component-helpers/scheduling/corev1/nodeaffinity`. */
export function matchesNode(pod: Pod, node: Node): boolean {
  const { nodeSelector = {}, affinity } = pod.spec ?? {};
  if (!matchesSelector(nodeSelector, node.metadata?.labels)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matchesNodeSelector(required, node);
}

/** The summed weights of the preferred terms that a node satisfies. */
export function preferenceOf(pod: Pod, node: Node): number {
  const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.reduce(
    (sum, { preference, weight }) => sum + (matchesTerm(preference, node) ? weight : 0),
    0,
  );
}

/** True when a volume can be used on a node. */
export function matchesVolume({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, node);
}

function matchesNodeSelector({ nodeSelectorTerms }: NodeSelector, node: Node): boolean {
  return nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  // An empty term matches nothing.
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => matches(requirement, node.metadata?.labels?.[requirement.key])) &&
    matchFields.every((requirement) =>
      matches(requirement, requirement.key === 'metadata.name' ? node.metadata?.name : undefined),
    )
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** True when `other` is one of the pods that `term` of `pod` speaks of. */
export function isMeant(
  term: PodAffinityTerm,
  pod: Pod,
  other: Pod,
  namespaceOf: (name: string) => Namespace | undefined,
): boolean {
  const namespace = other.metadata?.namespace ?? '';
  const own = !term.namespaces?.length && !term.namespaceSelector;
  const inScope = own
    ? namespace === pod.metadata?.namespace
    : (term.namespaces ?? []).includes(namespace) ||
      matchesLabelSelector(term.namespaceSelector, namespaceOf(namespace)?.metadata?.labels);
  return inScope && matchesLabelSelector(withLabelKeys(term, pod), other.metadata?.labels);
}

/** A selector narrowed to the pod's own values of `matchLabelKeys` (KEP-3243, KEP-3633). */
export function withLabelKeys(
  of: { labelSelector?: LabelSelector; matchLabelKeys?: string[]; mismatchLabelKeys?: string[] },
  pod: Pod,
): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = of;
  if (!labelSelector || matchLabelKeys.length + mismatchLabelKeys.length === 0) return labelSelector;
  const labels = pod.metadata?.labels ?? {};
  const expressions = (keys: string[], operator: string) =>
    keys.flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  return {
    ...labelSelector,
    matchExpressions: [
      ...(labelSelector.matchExpressions ?? []),
      ...expressions(matchLabelKeys, 'In'),
      ...expressions(mismatchLabelKeys, 'NotIn'),
    ],
  };
}
