import type { PolicyRule } from '../../../api/types.ts';
import { covers, matchesUrl } from './rules.ts';

/**
 * What `wanted` allows beyond `held`, in pieces of one verb and one resource, name or URL.
 * Upstream: `component-helpers/auth/rbac/validation/policy_comparator.go`.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(piecesOf).filter((piece) => !held.some((rule) => coversPiece(rule, piece)));
}

interface Piece {
  verb: string;
  group?: string;
  resource?: string;
  name?: string;
  url?: string;
}

const wholeRule = ({ verb, group, resource, name, url }: Piece): PolicyRule => ({
  ...(group === undefined ? {} : { apiGroups: [group] }),
  ...(resource === undefined ? {} : { resources: [resource] }),
  ...(name === undefined ? {} : { resourceNames: [name] }),
  ...(url === undefined ? {} : { nonResourceURLs: [url] }),
  verbs: [verb],
});

function piecesOf(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names = resourceNames.length > 0 ? resourceNames.map((name) => ({ name })) : [{}];
  const pieces: Piece[] = apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ verb, group, resource, ...name }))),
    ),
  );
  for (const url of nonResourceURLs) pieces.push(...verbs.map((verb) => ({ verb, url })));
  return pieces.map(wholeRule);
}

function coversPiece(rule: PolicyRule, piece: PolicyRule): boolean {
  const [verb = ''] = piece.verbs;
  if (!covers(rule.verbs, verb)) return false;
  const [url] = piece.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((one) => matchesUrl(one, url));
  const [group = ''] = piece.apiGroups ?? [];
  const [resource = ''] = piece.resources ?? [];
  if (!covers(rule.apiGroups, group)) return false;
  const slash = resource.indexOf('/');
  const ofAny = slash < 0 ? undefined : `*${resource.slice(slash)}`;
  if (!covers(rule.resources, resource) && !(ofAny && rule.resources?.includes(ofAny))) return false;
  const names = rule.resourceNames ?? [];
  const [name] = piece.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

/**
 * One line a resource, sorted: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`.
 * Upstream: `pkg/registry/rbac/validation/policy_compact.go`, `CompactString`.
 */
export function ruleLines(pieces: readonly PolicyRule[]): string[] {
  const byResource = new Map<string, PolicyRule>();
  for (const piece of pieces) {
    const { verbs, ...rest } = piece;
    const key = JSON.stringify(rest);
    const known = piece.nonResourceURLs ? undefined : byResource.get(key);
    if (known) known.verbs = [...known.verbs, ...verbs];
    else byResource.set(piece.nonResourceURLs ? JSON.stringify(piece) : key, { ...piece });
  }
  return [...byResource.values()].map(ruleLine).sort();
}

function ruleLine(rule: PolicyRule): string {
  const fields = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  return `{${fields.flatMap(([name, values]) => (values?.length ? [`${name}:${quoted(values)}`] : [])).join(', ')}}`;
}

/** Go's `%q` of a list of strings. */
export const quoted = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
