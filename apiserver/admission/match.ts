import { type KubeObject, matchesLabelSelector } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { LabelSelector, Namespace, RuleWithOperations } from '../../api/types.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';
import type { Attributes, Invocation, Row } from './attributes.ts';

/** Whom something is about: part of every webhook and policy. */
export interface Criteria {
  rules: readonly (RuleWithOperations & { resourceNames?: string[] })[];
  excluded?: readonly (RuleWithOperations & { resourceNames?: string[] })[];
  namespaceSelector: LabelSelector | undefined;
  objectSelector: LabelSelector | undefined;
  /** Absent: `Equivalent`. */
  matchPolicy: string | undefined;
}

/** All names under which the objects of a request are served. */
export type EquivalentsOf = (attributes: Attributes) => readonly Invocation[];

/**
 * As what a request is to be shown, or undefined where it is none of their business. Upstream:
 * `admission/plugin/webhook/generic/webhook.go` ShouldCallHook, `plugin/policy/matching`.
 *
 * @throws StatusError NotFound where the namespace is missing whose labels are asked for
 */
export function invocationOf(
  criteria: Criteria,
  attributes: Attributes,
  equivalentsOf: EquivalentsOf,
  lookup: Lookup,
): Invocation | undefined {
  if (!matchesObject(criteria.objectSelector, attributes)) return undefined;
  if (matching(criteria.excluded ?? [], criteria, attributes, equivalentsOf)) return undefined;
  const found = matching(criteria.rules, criteria, attributes, equivalentsOf);
  if (!found || !matchesNamespace(criteria.namespaceSelector, attributes, lookup)) return undefined;
  return found;
}

function matching(
  rules: Criteria['rules'],
  { matchPolicy = 'Equivalent' }: Criteria,
  attributes: Attributes,
  equivalentsOf: EquivalentsOf,
): Invocation | undefined {
  const { resource, kind } = attributes;
  if (rules.some((rule) => matchesRule(rule, resource, attributes))) return { resource, kind };
  if (matchPolicy !== 'Equivalent' || rules.length === 0) return undefined;
  const others = equivalentsOf(attributes);
  for (const rule of rules) {
    const found = others.find((other) => matchesRule(rule, other.resource, attributes));
    if (found) return found;
  }
  return undefined;
}

type Asked = Pick<Attributes, 'operation' | 'subresource' | 'namespace' | 'name'>;

/** Upstream: `admission/plugin/webhook/predicates/rules`. */
export function matchesRule(rule: Criteria['rules'][number], row: Row, asked: Asked): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources: names = [], scope = '*' } = rule;
  const has = (list: readonly string[], value: string) => list.includes('*') || list.includes(value);
  const inNamespace = asked.namespace !== '' && !isNamespaces(row);
  return (
    (scope === '*' || scope === (inNamespace ? 'Namespaced' : 'Cluster')) &&
    has(operations, asked.operation) &&
    has(apiGroups, row.group) &&
    has(apiVersions, row.version) &&
    names.some((name) => matchesResource(name, row.name, asked.subresource)) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(asked.name))
  );
}

function matchesResource(pattern: string, name: string, subresource: string): boolean {
  const [resource = '', part = ''] = pattern.split('/');
  return (resource === '*' || resource === name) && (part === '*' || part === subresource);
}

const isNamespaces = ({ group, name }: Row) => group === '' && name === 'namespaces';

const isEmpty = (selector: LabelSelector | undefined) =>
  !selector ||
  (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0);

/** Upstream: `predicates/object`. */
function matchesObject(selector: LabelSelector | undefined, { object, old }: Attributes): boolean {
  if (!selector || isEmpty(selector)) return true;
  const matches = (one: KubeObject | undefined) =>
    one !== undefined && matchesLabelSelector(selector, one.metadata?.labels ?? {});
  return matches(object) || matches(old);
}

/** Upstream: `predicates/namespace`. What lies in no namespace is never exempted. */
function matchesNamespace(
  selector: LabelSelector | undefined,
  { resource, subresource, operation, object, namespace }: Attributes,
  lookup: Lookup,
): boolean {
  if (!selector || isEmpty(selector)) return true;
  const itself = isNamespaces(resource);
  if (!namespace && !itself) return true;
  if (itself && !subresource && object && (operation === 'CREATE' || operation === 'UPDATE')) {
    return matchesLabelSelector(selector, object.metadata?.labels ?? {});
  }
  const found = lookup.get<Namespace>(resources.namespaces, namespace);
  if (!found) throw missing(resources.namespaces, namespace);
  return matchesLabelSelector(selector, found.metadata?.labels ?? {});
}
