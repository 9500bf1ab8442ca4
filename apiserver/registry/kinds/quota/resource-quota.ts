import { quantityValue } from '../../../../api/quantity.ts';
import { resources } from '../../../../api/scheme.ts';
import type { ResourceQuota, ResourceQuotaSpec } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { invalid, invalidEach, required } from '../validation/field.ts';
import { qualifiedName } from '../validation/names.ts';
import { validateQuantity } from '../validation/quantities.ts';
import { isSameValue } from '../validation/same.ts';

const compute = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];
const standard: readonly string[] = [
  ...compute,
  ...['ephemeral-storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage', 'requests.storage'],
  ...['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
];
/** The four that need no values, and those that cannot go together. */
const plain: readonly string[] = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort'];
const scopes: readonly string[] = [...plain, 'PriorityClass', 'CrossNamespacePodAffinity'];
const pairs = [plain.slice(0, 2), plain.slice(2)];

/** Upstream: `ValidateResourceQuota` in `pkg/apis/core/validation/validation.go`. */
export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  resource: resources.resourcequotas,
  prepare(quota, old) {
    quota.status = old?.status ?? {};
  },
  validate({ spec = {} }, old) {
    const errors = [...validateHard(spec), ...validateScopes(spec), ...validateSelector(spec)];
    const before = old?.spec?.scopes ?? [];
    if (old && !isSameValue([...(spec.scopes ?? [])].sort(), [...before].sort())) {
      errors.push(invalid('spec.scopes', spec.scopes, 'field is immutable'));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Request', 'What is used of what may be.', (quota) => usage(quota, false)),
    column('Limit', 'The same of limits.', (quota) => usage(quota, true)),
    ageColumn,
  ],
};

/** `pods: 1/4, requests.cpu: 100m/1`. */
function usage({ status }: ResourceQuota, limits: boolean): string {
  return Object.entries<string>(status?.hard ?? {})
    .filter(([name]) => name.startsWith('limits.') === limits)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

function validateHard({ hard = {} }: ResourceQuotaSpec): FieldError[] {
  return Object.entries<string>(hard).flatMap(([name, quantity]) => {
    const field = `spec.hard[${name}]`;
    const errors = [...invalidEach(field, name, qualifiedName(name)), ...validateQuantity(field, quantity)];
    if (!name.includes('/') && !isStandard(name)) {
      errors.push(invalid(field, name, 'must be a standard resource for quota'));
    }
    const whole = !compute.includes(name) && isStandard(name);
    if (whole && !Number.isInteger(quantityValue(quantity))) {
      errors.push(invalid(field, quantity, 'must be an integer'));
    }
    return errors;
  });
}

function isStandard(name: string): boolean {
  return standard.includes(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}

/** Only pods have scopes: those of the best effort have nothing else that could be counted. */
function isInScope(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  return name === 'pods' || compute.includes(name) || name.includes('ephemeral-storage');
}

function validateScopes({ scopes: wanted = [], hard = {} }: ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopes';
  const errors: FieldError[] = [];
  for (const scope of wanted) {
    if (!scopes.includes(scope)) errors.push(invalid(field, wanted, 'unsupported scope'));
    for (const name of Object.keys(hard).sort()) {
      if (isStandard(name) && !isInScope(scope, name)) {
        errors.push(invalid(field, wanted, 'unsupported scope applied to resource'));
      }
    }
  }
  const clash = pairs.some((pair) => pair.every((scope) => wanted.includes(scope)));
  return clash ? [...errors, invalid(field, wanted, 'conflicting scopes')] : errors;
}

function validateSelector({ scopeSelector, scopes: wanted, hard = {} }: ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopeSelector.matchExpressions';
  const expressions = scopeSelector?.matchExpressions ?? [];
  const errors = expressions.flatMap(({ scopeName, operator, values = [] }) => {
    const found: FieldError[] = [];
    if (!scopes.includes(scopeName)) {
      found.push(invalid(`${field}.scopeName`, scopeName, 'unsupported scope'));
    }
    for (const name of Object.keys(hard).sort()) {
      if (!isStandard(name) || isInScope(scopeName, name)) continue;
      found.push(invalid(field, scopeSelector, 'unsupported scope applied to resource'));
    }
    if (plain.includes(scopeName) && operator !== 'Exists') {
      const detail =
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      found.push(invalid(`${field}.operator`, operator, detail));
    }
    if (operator === 'In' || operator === 'NotIn') {
      const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      if (values.length === 0) found.push(required(`${field}.values`, detail));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      if (values.length > 0) found.push(invalid(`${field}.values`, values, detail));
    } else found.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'));
    return found;
  });
  const names = expressions.map(({ scopeName }) => scopeName);
  const clash = pairs.some((pair) => pair.every((scope) => names.includes(scope)));
  return clash ? [...errors, invalid('spec.scopes', wanted, 'conflicting scopes')] : errors;
}
