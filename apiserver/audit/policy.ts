import type { Attributes } from '../auth/attributes.ts';
import type { User } from '../auth/user.ts';

/** How much of a request is written down. */
export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

const levels: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const stages: readonly string[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];

/** Of `audit.k8s.io/v1`, as far as it says whom it is about. */
export interface PolicyRule {
  level: Level;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: { group?: string; resources?: string[]; resourceNames?: string[] }[];
  namespaces?: string[];
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

export interface AuditPolicy {
  apiVersion: 'audit.k8s.io/v1';
  kind: 'Policy';
  rules: PolicyRule[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

/** What a policy makes of one request. */
export interface Decision {
  level: Level;
  omitStages: readonly Stage[];
  omitManagedFields: boolean;
}

/**
 * Reads a policy as `--audit-policy-file` has it. Upstream: `apiserver/pkg/audit/policy/reader.go`,
 * `apis/audit/validation`.
 *
 * @param value parsed YAML
 * @throws Error naming the field that is wrong
 */
export function readPolicy(value: unknown): AuditPolicy {
  const fail = (field: string, got: unknown, wanted: string): never => {
    throw new Error(`audit policy: ${field}: Invalid value: ${JSON.stringify(got ?? null)}: ${wanted}`);
  };
  const policy = isMap(value) ? value : fail('', value, 'must be an object');
  if (policy.apiVersion !== 'audit.k8s.io/v1')
    fail('apiVersion', policy.apiVersion, 'must be audit.k8s.io/v1');
  if (policy.kind !== 'Policy') fail('kind', policy.kind, 'must be Policy');
  const rules = Array.isArray(policy.rules) ? policy.rules : [];
  if (rules.length === 0) fail('rules', policy.rules, 'a policy without rules logs nothing: must have one');
  checkStages('omitStages', policy.omitStages, fail);
  for (const [index, rule] of rules.entries()) {
    const field = `rules[${index}]`;
    if (!isMap(rule)) return fail(field, rule, 'must be an object');
    if (!levels.includes(String(rule.level)))
      fail(`${field}.level`, rule.level, `must be one of ${levels.join(', ')}`);
    checkStages(`${field}.omitStages`, rule.omitStages, fail);
    checkUrls(`${field}.nonResourceURLs`, rule, fail);
  }
  const checked: unknown = policy;
  return checked as AuditPolicy;
}

type Fail = (field: string, got: unknown, wanted: string) => never;

function checkStages(field: string, value: unknown, fail: Fail): void {
  if (value === undefined) return;
  const list: readonly unknown[] = Array.isArray(value) ? value : fail(field, value, 'must be a list');
  const wrong = list.find((stage) => !stages.includes(String(stage)));
  if (wrong !== undefined) fail(field, wrong, `must be one of ${stages.join(', ')}`);
}

function checkUrls(field: string, rule: Record<string, unknown>, fail: Fail): void {
  const { nonResourceURLs: urls, resources, namespaces } = rule;
  if (!Array.isArray(urls) || urls.length === 0) return;
  if (
    (Array.isArray(resources) && resources.length > 0) ||
    (Array.isArray(namespaces) && namespaces.length > 0)
  )
    fail(field, urls, 'rules cannot apply to both regular resources and non-resource URLs');
  for (const [index, url] of urls.map(String).entries()) {
    const at = `${field}[${index}]`;
    if (url === '*') continue;
    if (!url.startsWith('/')) fail(at, url, "non-resource URL rules must begin with a '/' character");
    if (url.slice(0, -1).includes('*'))
      fail(at, url, "non-resource URL wildcards '*' must be the final character of the rule");
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const nothing: Decision = { level: 'None', omitStages: [], omitManagedFields: false };

/** By the first rule that is about a request. Upstream: `apiserver/pkg/audit/policy/checker.go`. */
export function decide(policy: AuditPolicy, user: User | undefined, asked: Attributes): Decision {
  const rule = policy.rules.find((one) => matches(one, user, asked));
  if (!rule) return nothing;
  return {
    level: rule.level,
    omitStages: [...(policy.omitStages ?? []), ...(rule.omitStages ?? [])],
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function matches(rule: PolicyRule, user: User | undefined, asked: Attributes): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [] } = rule;
  if (users.length > 0 && !users.includes(user?.name ?? '')) return false;
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(asked.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return matchesResource(rule, asked);
  const { nonResourceURLs = [] } = rule;
  if (nonResourceURLs.length === 0) return true;
  return 'path' in asked && nonResourceURLs.some((spec) => matchesPath(spec, asked.path));
}

function matchesPath(spec: string, path: string): boolean {
  if (spec === '*' || spec === path) return true;
  return spec.endsWith('*') && path.startsWith(spec.slice(0, -1));
}

function matchesResource({ namespaces = [], resources = [] }: PolicyRule, asked: Attributes): boolean {
  if ('path' in asked) return false;
  if (namespaces.length > 0 && !namespaces.includes(asked.namespace ?? '')) return false;
  if (resources.length === 0) return true;
  const { subresource } = asked;
  const combined = subresource ? `${asked.resource}/${subresource}` : asked.resource;
  return resources.some(({ group = '', resources: names = [], resourceNames = [] }) => {
    if (group !== asked.group) return false;
    if (names.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(asked.name ?? '')) return false;
    return names.some(
      (name) =>
        name === '*' ||
        name === combined ||
        (subresource !== undefined && (name === `*/${subresource}` || name === `${asked.resource}/*`)),
    );
  });
}
