import { row } from '../../../../api/kinds/row.ts';
import type { FlowSchema, FlowSchemaSpec } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn, orNone } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsSubdomain } from '../validation/names.ts';

type Rule = NonNullable<FlowSchemaSpec['rules']>[number];
type Subject = Rule['subjects'][number];

const mostPrecedence = 10_000;
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/**
 * Which requests belong together. Kept and checked for who manages them; requests here are limited by their number alone.
 * Upstream: `ValidateFlowSchema` in `pkg/apis/flowcontrol/validation/validation.go`.
 */
export const flowSchemaStrategy: Strategy<FlowSchema> = {
  resource: row<FlowSchema>({
    group: 'flowcontrol.apiserver.k8s.io',
    name: 'flowschemas',
    kind: 'FlowSchema',
    namespaced: false,
    status: true,
  }),
  defaults({ spec }) {
    if (spec) spec.matchingPrecedence ||= 1000;
  },
  validate({ metadata, spec }) {
    if (!spec) return [required('spec.priorityLevelConfiguration.name', 'must reference a priority level')];
    const { matchingPrecedence: precedence = 0, distinguisherMethod: method, rules = [] } = spec;
    const field = 'spec.matchingPrecedence';
    const errors: FieldError[] = [];
    if (precedence <= 0) errors.push(invalid(field, precedence, 'must be a positive value'));
    if (precedence > mostPrecedence) {
      errors.push(invalid(field, precedence, `must not be greater than ${mostPrecedence}`));
    }
    if (precedence === 1 && metadata?.name !== 'exempt') {
      const detail = "only the schema named 'exempt' may have matchingPrecedence 1";
      errors.push(invalid(field, precedence, detail));
    }
    if (method && !['ByNamespace', 'ByUser'].includes(method.type)) {
      errors.push(notSupported('spec.distinguisherMethod.type', method, ['ByNamespace', 'ByUser']));
    }
    const level = spec.priorityLevelConfiguration?.name;
    const levelField = 'spec.priorityLevelConfiguration.name';
    if (level) errors.push(...invalidEach(levelField, level, dnsSubdomain(level)));
    else errors.push(required(levelField, 'must reference a priority level'));
    return [...errors, ...rules.flatMap((rule, index) => validateRule(`spec.rules[${index}]`, rule))];
  },
  columns: [
    nameColumn,
    column('PriorityLevel', 'Which priority level its requests have.', ({ spec }) =>
      orNone(spec?.priorityLevelConfiguration.name),
    ),
    column(
      'MatchingPrecedence',
      'The schema with the least of those that match is taken.',
      ({ spec }) => spec?.matchingPrecedence ?? 0,
    ),
    column('DistinguisherMethod', 'What parts its requests into flows.', ({ spec }) =>
      orNone(spec?.distinguisherMethod?.type),
    ),
    ageColumn,
    column(
      'MissingPL',
      'Whether its priority level is not there.',
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ),
  ],
};

function validateRule(field: string, { subjects, resourceRules = [], nonResourceRules = [] }: Rule) {
  const errors: FieldError[] = subjects?.length
    ? subjects.flatMap((subject, index) => validateSubject(`${field}.subjects[${index}]`, subject))
    : [required(`${field}.subjects`, 'subjects must contain at least one value')];
  if (resourceRules.length + nonResourceRules.length === 0) {
    const detail = 'at least one of resourceRules and nonResourceRules has to be non-empty';
    errors.push(required(field, detail));
  }
  for (const [index, rule] of resourceRules.entries()) {
    const at = `${field}.resourceRules[${index}]`;
    errors.push(...validateVerbs(`${at}.verbs`, rule.verbs));
    errors.push(...validateList(`${at}.apiGroups`, rule.apiGroups, 'resource rules', 'api group'));
    errors.push(...validateList(`${at}.resources`, rule.resources, 'resource rules', 'resource'));
    if (!rule.namespaces?.length && !rule.clusterScope) {
      const detail = 'resource rules that are not cluster scoped must supply at least one namespace';
      errors.push(required(`${at}.namespaces`, detail));
    } else errors.push(...validateStar(`${at}.namespaces`, rule.namespaces ?? [], 'namespaces'));
  }
  for (const [index, rule] of nonResourceRules.entries()) {
    const at = `${field}.nonResourceRules[${index}]`;
    errors.push(...validateVerbs(`${at}.verbs`, rule.verbs));
    const urls = rule.nonResourceURLs ?? [];
    if (urls.length === 0) {
      errors.push(required(`${at}.nonResourceURLs`, 'nonResourceURLs must contain at least one value'));
    } else errors.push(...validateStar(`${at}.nonResourceURLs`, urls, 'non-resource URLs'));
  }
  return errors;
}

function validateVerbs(field: string, wanted: readonly string[] = []): FieldError[] {
  if (wanted.length === 0) return [required(field, 'verbs must contain at least one value')];
  if (wanted.includes('*')) return validateStar(field, wanted, 'verbs');
  return wanted.every((verb) => verbs.includes(verb)) ? [] : [notSupported(field, wanted, verbs)];
}

function validateList(field: string, values: readonly string[] = [], rules: string, what: string) {
  if (values.length === 0) return [required(field, `${rules} must supply at least one ${what}`)];
  return validateStar(field, values, `${what}s`);
}

/** All, or some by their names. */
function validateStar(field: string, values: readonly string[], what: string): FieldError[] {
  if (!values.includes('*') || values.length === 1) return [];
  return [invalid(field, values, `if '*' is present, must not specify other ${what}`)];
}

/** The one of the three that `kind` names is there, and no other. */
function validateSubject(field: string, subject: Subject): FieldError[] {
  const parts = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;
  const { kind } = subject;
  if (kind !== 'ServiceAccount' && kind !== 'User' && kind !== 'Group') {
    return [notSupported(`${field}.kind`, kind, ['Group', 'ServiceAccount', 'User'])];
  }
  const part = parts[kind];
  const own = subject[part];
  const errors: FieldError[] = [];
  if (!own) errors.push(required(`${field}.${part}`, `${part} is required when subject kind is '${kind}'`));
  else if (!own.name) errors.push(required(`${field}.${part}.name`));
  if (own && kind === 'ServiceAccount' && !subject.serviceAccount?.namespace) {
    errors.push(required(`${field}.${part}.namespace`, 'must specify namespace for service account'));
  }
  for (const [other, name] of Object.entries(parts)) {
    if (name === part || !subject[name]) continue;
    errors.push(forbidden(`${field}.${name}`, `${name} is forbidden when subject kind is not '${other}'`));
  }
  return errors;
}
