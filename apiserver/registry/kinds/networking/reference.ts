import type { FieldError } from '../../strategy.ts';
import { invalidEach, required } from '../validation/field.ts';
import { dnsSubdomain, pathSegment } from '../validation/names.ts';

/** Checks a reference to an object of any kind. Upstream: `validateIngressTypedLocalObjectReference`. */
export function validateReference(
  field: string,
  { apiGroup, kind, name }: { apiGroup?: string; kind?: string; name?: string },
): FieldError[] {
  return [
    ...(apiGroup ? invalidEach(`${field}.apiGroup`, apiGroup, dnsSubdomain(apiGroup)) : []),
    ...(kind
      ? invalidEach(`${field}.kind`, kind, pathSegment(kind))
      : [required(`${field}.kind`, 'kind is required')]),
    ...(name
      ? invalidEach(`${field}.name`, name, pathSegment(name))
      : [required(`${field}.name`, 'name is required')]),
  ];
}
