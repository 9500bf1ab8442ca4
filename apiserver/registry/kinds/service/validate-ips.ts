import type { ServiceSpec } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { familyOf, ipAddress } from '../validation/names.ts';
import { isHeadless } from './traits.ts';

const ips = 'spec.clusterIPs';
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** Checks `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`. Upstream: `ValidateServiceClusterIPsRelatedFields`. */
export function validateClusterIps(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: FieldError[] = [];
  if (clusterIP !== '') {
    if (clusterIPs.length === 0) errors.push(required(ips));
    else if (clusterIPs[0] !== clusterIP) {
      errors.push(invalid(ips, clusterIPs, 'first value must match `clusterIP`'));
    }
  } else if (clusterIPs.length > 0) {
    errors.push(invalid(ips, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  }
  for (const [index, family] of ipFamilies.entries()) {
    const field = `spec.ipFamilies[${index}]`;
    if (family !== 'IPv4' && family !== 'IPv6') errors.push(notSupported(field, family, ['IPv4', 'IPv6']));
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(field, family));
  }
  if (ipFamilyPolicy && !policies.includes(ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies));
  }
  const malformed = validateAddresses(clusterIPs);
  if (clusterIPs.length > 2) malformed.push(invalid(ips, clusterIPs, 'may only hold up to 2 values'));
  if (malformed.length > 0) return [...errors, ...malformed];
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(familyOf)).size === 1) {
    errors.push(invalid(ips, clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  return isHeadless(spec) ? errors : [...errors, ...validateFamilies(clusterIPs, ipFamilies)];
}

function validateAddresses(clusterIPs: readonly string[]): FieldError[] {
  return clusterIPs.flatMap((ip, index) => {
    if (index > 0 || ip !== 'None') return invalidEach(`${ips}[${index}]`, ip, ipAddress(ip));
    if (clusterIPs.length === 1) return [];
    return [invalid(ips, clusterIPs, "'None' must be the first and only value")];
  });
}

function validateFamilies(clusterIPs: readonly string[], families: readonly string[]): FieldError[] {
  return clusterIPs.flatMap((ip, index) => {
    const family = families[index];
    if (family === undefined || family === familyOf(ip)) return [];
    return [
      invalid(`${ips}[${index}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``),
    ];
  });
}

/** What was given once may not change; a second address may come and go. */
export function validateClusterIpChange(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || before.type === 'ExternalName') return [];
  if (isHeadless(spec) && isHeadless(before)) return [];
  const addresses = changes(ips, spec.clusterIPs ?? [], before.clusterIPs ?? [], 'clusterIP');
  if (isHeadless(spec) !== isHeadless(before)) return addresses;
  return [
    ...addresses,
    ...changes('spec.ipFamilies', spec.ipFamilies ?? [], before.ipFamilies ?? [], 'ipFamily'),
  ];
}

function changes(field: string, now: string[], before: string[], what: string): FieldError[] {
  if (before.length > 0 && now.length === 0) {
    return what === 'ipFamily' ? [] : [invalid(`${field}[0]`, now, `primary ${what} can not be unset`)];
  }
  return before
    .slice(0, now.length)
    .flatMap((value, index) =>
      value === now[index] ? [] : [invalid(`${field}[${index}]`, now, 'may not change once set')],
    );
}
