import type { RuleWithOperations } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid, notSupported, required } from '../validation/field.ts';

const operationNames = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopeNames = ['*', 'Cluster', 'Namespaced'];

/** Checks what webhooks and policies are asked about. Upstream: `validateRuleWithOperations`. */
export function validateRules(field: string, rules: readonly RuleWithOperations[]): FieldError[] {
  return rules.flatMap((rule, index) => {
    const at = `${field}[${index}]`;
    const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
    return [
      ...some(`${at}.operations`, operations, 'operations'),
      ...operations.flatMap((operation, at2) =>
        operationNames.includes(operation)
          ? []
          : [notSupported(`${at}.operations[${at2}]`, operation, operationNames)],
      ),
      ...some(`${at}.apiGroups`, apiGroups, 'API groups'),
      ...some(`${at}.apiVersions`, apiVersions, 'API versions'),
      ...apiVersions.flatMap((version, at2) => (version ? [] : [required(`${at}.apiVersions[${at2}]`)])),
      ...validateResources(`${at}.resources`, resources),
      ...(scope !== undefined && !scopeNames.includes(scope)
        ? [notSupported(`${at}.scope`, scope, scopeNames)]
        : []),
    ];
  });
}

/** At least one, and `*` only alone. */
function some(field: string, values: readonly string[], what: string): FieldError[] {
  if (values.length === 0) return [required(field)];
  return values.length > 1 && values.includes('*')
    ? [invalid(field, values, `if '*' is present, must not specify other ${what}`)]
    : [];
}

function validateResources(field: string, resources: readonly string[]): FieldError[] {
  if (resources.length === 0) return [required(field)];
  const errors = resources.flatMap((resource, index) => {
    const [name, part] = resource.split('/');
    if (resource === '') return [required(`${field}[${index}]`)];
    const whole =
      part === '*' && resources.some((other) => other !== resource && other.startsWith(`${name}/`));
    return whole
      ? [invalid(`${field}[${index}]`, resource, `if '${resource}' is present, must not specify ${name}/x`)]
      : [];
  });
  const all = resources.includes('*/*') && resources.length > 1;
  const plain = resources.includes('*') && resources.some((one) => one !== '*' && !one.includes('/'));
  if (all) {
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  } else if (plain) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(field, resources, detail));
  }
  return errors;
}
