import type { Family } from '../../../../api/address.ts';
import type { Service, ServiceSpec } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid } from '../validation/field.ts';
import { familyOf } from '../validation/names.ts';
import { isHeadless, isSame, specOf } from './traits.ts';

const other = (family: string): Family => (family === 'IPv4' ? 'IPv6' : 'IPv4');

/**
 * Settles `ipFamilyPolicy` and `ipFamilies` by what the cluster has, in place, and returns what cannot be
 * had. Upstream: `initIPFamilyFields` in `pkg/registry/core/service/storage/alloc.go`.
 *
 * @param configured families of the cluster's ranges, the primary first
 */
export function settleFamilies(
  service: Service,
  old: Service | undefined,
  configured: readonly Family[],
): FieldError[] {
  const spec = specOf(service);
  const before = old && specOf(old);
  if (spec.type === 'ExternalName' || (before && isUntouchedPreference(spec, before))) return [];
  const freeHeadless = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.ipFamilyPolicy ?? (freeHeadless ? 'RequireDualStack' : 'SingleStack');
  const errors = [
    ...(before ? reduce(spec, before) : []),
    ...checkPolicy(spec),
    ...inferFamilies(spec, configured),
  ];
  if (errors.length > 0) return errors;
  const primary = configured[0] ?? 'IPv4';
  if (freeHeadless) {
    if (!spec.ipFamilies?.length) spec.ipFamilies = [primary];
    if (spec.ipFamilyPolicy !== 'SingleStack') addSecond(spec);
    return [];
  }
  const missing = checkConfigured(spec, configured);
  if (missing.length > 0) return missing;
  if (!spec.ipFamilies?.length) spec.ipFamilies = [primary];
  if (spec.ipFamilyPolicy !== 'SingleStack' && configured.length === 2) addSecond(spec);
  return [];
}

/** A Service that merely prefers two families keeps what it has until its owner asks for a change. */
function isUntouchedPreference(spec: ServiceSpec, before: ServiceSpec): boolean {
  return (
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    before.ipFamilyPolicy === 'PreferDualStack' &&
    (spec.clusterIPs?.length ?? 0) > 0 &&
    isSame(spec.clusterIPs, before.clusterIPs) &&
    isSame(spec.ipFamilies, before.ipFamilies)
  );
}

/** Asking for a single stack releases the second address; dropping it without asking is refused. */
function reduce(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (isSame(spec.clusterIPs, before.clusterIPs) && spec.clusterIPs)
      spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    if (isSame(spec.ipFamilies, before.ipFamilies) && spec.ipFamilies)
      spec.ipFamilies = spec.ipFamilies.slice(0, 1);
    return [];
  }
  const lost = (now?: string[], then?: string[]) => now?.length === 1 && then?.length === 2;
  const errors: FieldError[] = [];
  const { ipFamilyPolicy } = spec;
  if (lost(spec.clusterIPs, before.clusterIPs) && before.clusterIPs?.[0] === spec.clusterIPs?.[0]) {
    const detail = "must be 'SingleStack' to release the secondary cluster IP";
    errors.push(invalid('spec.ipFamilyPolicy', ipFamilyPolicy, detail));
  }
  if (lost(spec.ipFamilies, before.ipFamilies) && before.ipFamilies?.[0] === spec.ipFamilies?.[0]) {
    const detail = "must be 'SingleStack' to release the secondary IP family";
    errors.push(invalid('spec.ipFamilyPolicy', ipFamilyPolicy, detail));
  }
  return errors;
}

function checkPolicy({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: ServiceSpec): FieldError[] {
  if (ipFamilyPolicy !== 'SingleStack') return [];
  const refuse = (what: string) =>
    invalid(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [refuse('cluster IPs')] : []),
    ...(ipFamilies.length === 2 ? [refuse('IP families')] : []),
  ];
}

function inferFamilies(spec: ServiceSpec, configured: readonly string[]): FieldError[] {
  const { clusterIPs = [] } = spec;
  const errors: FieldError[] = [];
  if (isHeadless(spec)) return errors;
  for (const [index, ip] of clusterIPs.entries()) {
    if (index < (spec.ipFamilies?.length ?? 0)) continue;
    const family = familyOf(ip);
    if (configured.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else
      errors.push(
        invalid(`spec.clusterIPs[${index}]`, clusterIPs, `${family} is not configured on this cluster`),
      );
  }
  return errors;
}

function checkConfigured(
  { ipFamilyPolicy, ipFamilies = [] }: ServiceSpec,
  configured: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push(invalid('spec.ipFamilyPolicy', ipFamilyPolicy, detail));
  }
  for (const [index, family] of ipFamilies.entries()) {
    if (configured.includes(family)) continue;
    errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  }
  return errors;
}

function addSecond(spec: ServiceSpec): void {
  const [first] = spec.ipFamilies ?? [];
  if (first && spec.ipFamilies?.length === 1) spec.ipFamilies = [first, other(first)];
}
