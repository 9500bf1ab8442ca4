import { randomInt, randomUUID } from 'node:crypto';
import type { KubeObject } from '../../../api/object.ts';
import type { Resource } from '../../../api/scheme.ts';
import type { ManagedFieldsEntry, ObjectMeta } from '../../../api/types.ts';
import { badRequest } from './failures.ts';

/**
 * What the apiserver itself writes into `metadata`. Upstream: `apiserver/pkg/registry/rest/{create,update,meta}.go`,
 * `apiserver/pkg/storage/names/generate.go`.
 */

/** Without vowels and look-alikes, so that no words come out. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const longestBase = 63 - suffixLength;

export function generateName(base: string): string {
  let suffix = '';
  for (let i = 0; i < suffixLength; i++) suffix += alphabet[randomInt(alphabet.length)];
  return base.slice(0, longestBase) + suffix;
}

/** RFC 3339 in whole seconds, as `metav1.Time`. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Fills `metadata` of an object to be created, in place. The object is the caller's own. */
export function prepareMetadata(
  resource: Resource,
  object: KubeObject,
  namespace: string | undefined,
  now: Date,
): void {
  const metadata = checkMetadata(resource, object, namespace);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.resourceVersion;
  delete metadata.selfLink;
  delete metadata.managedFields;
  delete metadata.generation;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(now);
  if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName);
}

/** Carries over what a client may not change, in place. */
export function keepMetadata(
  resource: Resource,
  object: KubeObject,
  old: KubeObject,
  namespace: string | undefined,
): void {
  const metadata = checkMetadata(resource, object, namespace);
  const before = old.metadata ?? {};
  delete metadata.selfLink;
  delete metadata.managedFields;
  const fixed = [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'generateName',
  ] as const;
  for (const field of fixed) carry(metadata, before, field);
}

function carry<K extends keyof ObjectMeta>(to: ObjectMeta, from: ObjectMeta, field: K): void {
  if (from[field] === undefined) delete to[field];
  else to[field] = from[field];
}

/** Also leaves out maps and lists that are empty, as Go's JSON does: who has no owner any more has no list of them. */
function checkMetadata(resource: Resource, object: KubeObject, namespace: string | undefined): ObjectMeta {
  object.metadata ??= {};
  const { metadata } = object;
  if (!resource.namespaced) {
    if (metadata.namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
  } else if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  } else if (namespace) {
    metadata.namespace = namespace;
  }
  for (const field of ['labels', 'annotations', 'ownerReferences', 'finalizers'] as const)
    if (metadata[field] && Object.keys(metadata[field]).length === 0) delete metadata[field];
  return metadata;
}

/** Kinds that count changes of what is wanted, in `metadata.generation`. */
export function hasGeneration({ group, name }: Resource): boolean {
  if (name === 'controllerrevisions') return false;
  if (name === 'customresourcedefinitions') return true;
  return (
    ['apps', 'batch', 'policy', 'admissionregistration.k8s.io'].includes(group) ||
    ['endpointslices', 'ingresses', 'networkpolicies'].includes(name)
  );
}

/** Puts who owns what where clients read it, behind all else; the metadata stay the object's own. */
export function setManagedFields(
  object: KubeObject,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): void {
  object.metadata ??= {};
  if (managedFields) object.metadata.managedFields = [...managedFields];
  else delete object.metadata.managedFields;
}

/**
 * Who owns what after webhooks: what they leave of it, where that can be read. Upstream: apiserver
 * `pkg/endpoints/handlers/fieldmanager/admission.go`.
 */
export function keptFields(
  { metadata }: KubeObject,
  before: readonly ManagedFieldsEntry[] | undefined,
  { warn }: { warn(message: string): void },
): readonly ManagedFieldsEntry[] | undefined {
  const after = metadata?.managedFields;
  const whole = (entry: ManagedFieldsEntry) =>
    (entry.operation === 'Apply' || entry.operation === 'Update') &&
    entry.fieldsType === 'FieldsV1' &&
    typeof entry.fieldsV1 === 'object';
  if (!after || after.every(whole)) return after ?? before;
  warn(
    '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests',
  );
  return before;
}

/** True when something other than `metadata` and `status` differs, which asks for a new generation. */
export function wantsOther(object: KubeObject, old: KubeObject): boolean {
  const wanted = ({ metadata: _, apiVersion: __, kind: ___, ...rest }: KubeObject) => ({
    ...rest,
    status: undefined,
  });
  return !isSame(wanted(object), wanted(old));
}

/** True when both are the same but for their resourceVersion, and the times of their managed fields. */
export function sameObject(a: KubeObject, b: KubeObject): boolean {
  const bare = ({ metadata, apiVersion: _, kind: __, ...rest }: KubeObject) => ({
    ...rest,
    metadata: {
      ...metadata,
      resourceVersion: undefined,
      managedFields: metadata?.managedFields?.map(({ time: _, ...entry }) => entry),
    },
  });
  return isSame(bare(a), bare(b));
}

/** Equality as of their JSON, whichever order the fields have. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => isSame(item, b[index]));
  }
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  const own = (map: Readonly<Record<string, unknown>>, key: string) =>
    Object.hasOwn(map, key) ? map[key] : undefined;
  return (
    Object.keys(left).every((key) => isSame(left[key], own(right, key))) &&
    Object.keys(right).every((key) => right[key] === undefined || Object.hasOwn(left, key))
  );
}
