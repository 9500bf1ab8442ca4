import type {
  EnvFromSource,
  EnvVar,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { configKey, dnsSubdomain, environmentName, qualifiedName } from '../validation/names.ts';

/** What of a pod its containers may be told in their environment. */
const fieldPaths = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid'],
  ...['spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
];

const resourceNames = ['cpu', 'ephemeral-storage', 'memory'];
const resourcePaths = ['limits', 'requests'].flatMap((part) =>
  resourceNames.map((name) => `${part}.${name}`),
);
const units = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** Upstream: `ValidateEnv` in `pkg/apis/core/validation/validation.go`. */
export function validateVariable(field: string, { name = '', value = '', valueFrom }: EnvVar): FieldError[] {
  const errors =
    name === '' ? [required(`${field}.name`)] : invalidEach(`${field}.name`, name, environmentName(name));
  if (!valueFrom) return errors;
  const at = `${field}.valueFrom`;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) errors.push(...validateFieldRef(`${at}.fieldRef`, fieldRef, fieldPaths));
  if (resourceFieldRef) errors.push(...validateResourceRef(`${at}.resourceFieldRef`, resourceFieldRef));
  for (const [part, ref] of Object.entries({ configMapKeyRef, secretKeyRef })) {
    if (!ref) continue;
    const { name: of = '', key } = ref;
    errors.push(...invalidEach(`${at}.${part}.name`, of, dnsSubdomain(of)));
    if (key) errors.push(...invalidEach(`${at}.${part}.key`, key, configKey(key)));
    else errors.push(required(`${at}.${part}.key`));
  }
  const sources = Object.values(valueFrom).filter((source) => source !== undefined).length;
  if (sources === 0) {
    const detail = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    errors.push(invalid(at, '', detail));
  } else if (value !== '') {
    errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  } else if (sources > 1) {
    errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

/** A whole ConfigMap or Secret; upstream blames the list for a wrong number of sources. */
export function validateVariables(
  path: string,
  index: number,
  { prefix, configMapRef, secretRef }: EnvFromSource,
): FieldError[] {
  const at = `${path}[${index}]`;
  const errors = prefix ? invalidEach(`${at}.prefix`, prefix, environmentName(prefix)) : [];
  for (const [part, ref] of Object.entries({ configMapRef, secretRef })) {
    if (!ref) continue;
    const field = `${at}.${part}.name`;
    errors.push(...(ref.name ? invalidEach(field, ref.name, dnsSubdomain(ref.name)) : [required(field)]));
  }
  if (!configMapRef && !secretRef) {
    errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
  } else if (configMapRef && secretRef) {
    errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

/** Upstream: `validateObjectFieldSelector`. */
export function validateFieldRef(
  field: string,
  { apiVersion = '', fieldPath = '' }: Partial<ObjectFieldSelector>,
  supported: readonly string[],
): FieldError[] {
  if (!apiVersion) return [required(`${field}.apiVersion`)];
  if (!fieldPath) return [required(`${field}.fieldPath`)];
  const [, path = '', key] = /^(.*)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (key !== undefined && !['metadata.annotations', 'metadata.labels'].includes(path)) {
    const isField = [...supported, ...fieldPaths].includes(path);
    return isField
      ? [invalid(field, path, 'does not support subscript')]
      : [unknownLabel(field, fieldPath, `field label does not support subscript: ${fieldPath}`)];
  }
  if (key !== undefined) {
    return invalidEach(field, key, qualifiedName(path === 'metadata.annotations' ? key.toLowerCase() : key));
  }
  if (supported.includes(fieldPath)) return [];
  const known = [...fieldPaths, 'metadata.annotations', 'metadata.labels', 'spec.host'];
  if (known.includes(fieldPath))
    return [notSupported(`${field}.fieldPath`, fieldPath, [...supported].sort())];
  return [unknownLabel(field, fieldPath, `field label not supported: ${fieldPath}`)];
}

function unknownLabel(field: string, path: string, why: string): FieldError {
  return invalid(`${field}.fieldPath`, path, `error converting fieldPath: ${why}`);
}

/** Upstream: `validateContainerResourceFieldSelector`. */
export function validateResourceRef(
  field: string,
  { resource = '', divisor }: Partial<ResourceFieldSelector>,
): FieldError[] {
  if (!resource) return [required(`${field}.resource`)];
  const isHuge = /^(limits|requests)\.hugepages-/.test(resource);
  if (!resourcePaths.includes(resource) && !isHuge) {
    return [notSupported(`${field}.resource`, resource, resourcePaths)];
  }
  if (divisor === undefined || Number(divisor) === 0) return [];
  if (resource.endsWith('.cpu')) {
    if (['1m', '1'].includes(divisor)) return [];
    const detail = "only divisor's values 1m and 1 are supported with the cpu resource";
    return [invalid(`${field}.divisor`, resource, detail)];
  }
  if (units.includes(divisor)) return [];
  const what = isHuge ? 'hugepages' : resource.endsWith('.memory') ? 'memory' : 'local ephemeral storage';
  const detail = `only divisor's values ${units.join(', ')} are supported with the ${what} resource`;
  return [invalid(`${field}.divisor`, resource, detail)];
}
