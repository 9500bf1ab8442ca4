import type { KubeObject } from '../../../../api/object.ts';
import { type Resource, resources } from '../../../../api/scheme.ts';
import type { OwnerReference } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid, invalidEach, required, tooLong } from './field.ts';
import {
  type Check,
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  ipAddress,
  labelValue,
  pathSegment,
  qualifiedName,
} from './names.ts';

/** All annotations of an object together. */
const mostAnnotationBytes = 256 * 1024;

/** Checks `metadata` of any object. Upstream: apimachinery `api/validation/objectmeta.go`. */
export function validateMetadata(
  resource: Resource,
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  const { name = '', generateName, labels, annotations, ownerReferences, finalizers } = object.metadata ?? {};
  const errors: FieldError[] = [];
  if (!old) {
    const check = nameCheckOf(resource);
    if (generateName)
      errors.push(...invalidEach('metadata.generateName', generateName, check(asPrefix(generateName))));
    if (name) errors.push(...invalidEach('metadata.name', name, check(name)));
    else errors.push(required('metadata.name', 'name or generateName is required'));
  }
  return [
    ...errors,
    ...validateLabels('metadata.labels', labels),
    ...validateAnnotations(annotations),
    ...validateOwners(ownerReferences ?? []),
    ...validateFinalizers(finalizers ?? [], old),
  ];
}

/** Checks a map of labels, or of anything that follows their rules. */
export function validateLabels(field: string, labels: Record<string, string> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalidEach(field, key, qualifiedName(key)),
    ...invalidEach(field, value, labelValue(value)),
  ]);
}

function validateAnnotations(annotations: Record<string, string> = {}): FieldError[] {
  const field = 'metadata.annotations';
  const errors = Object.keys(annotations).flatMap((key) =>
    invalidEach(field, key, qualifiedName(key.toLowerCase())),
  );
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes > mostAnnotationBytes ? [...errors, tooLong(field, mostAnnotationBytes)] : errors;
}

function validateOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = 'metadata.ownerReferences';
  const errors: FieldError[] = [];
  for (const { apiVersion, kind, name, uid } of owners) {
    if (!apiVersion)
      errors.push(invalid(`${field}.apiVersion`, apiVersion ?? '', 'version must not be empty'));
    if (!kind) errors.push(invalid(`${field}.kind`, kind ?? '', 'kind must not be empty'));
    if (!name) errors.push(invalid(`${field}.name`, name ?? '', 'name must not be empty'));
    if (!uid) errors.push(invalid(`${field}.uid`, uid ?? '', 'uid must not be empty'));
  }
  const [first, second] = owners.filter((owner) => owner.controller);
  if (first && second) {
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(invalid(field, owners, detail));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[], old: KubeObject | undefined): FieldError[] {
  const field = 'metadata.finalizers';
  const errors = finalizers.flatMap((name) => invalidEach(field, name, qualifiedName(name)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  if (old?.metadata?.deletionTimestamp) {
    const before = old.metadata.finalizers ?? [];
    const added = finalizers.filter((name) => !before.includes(name));
    if (added.length > 0) {
      errors.push({
        reason: 'FieldValueForbidden',
        field,
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
      });
    }
  }
  return errors;
}

function nameCheckOf(resource: Resource): Check {
  if (resource === resources.services) return dns1035Label;
  if (resource === resources.namespaces) return dnsLabel;
  // `system:node`
  if (resource.group === resources.roles.group) return pathSegment;
  if (resource === resources.ipaddresses) return ipAddress;
  // `v1.`
  if (resource === resources.apiservices) return pathSegment;
  // Upstream does not care what one calls these.
  if (resource === resources.certificatesigningrequests) return pathSegment;
  return dnsSubdomain;
}

/** A prefix may end in a dash, since something will follow it. */
function asPrefix(name: string): string {
  return name.length > 1 ? name.replace(/-$/, 'a') : name;
}
