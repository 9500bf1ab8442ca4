import type { KubeObject } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { ManagedFieldsEntry, Namespace, Pod } from '../../../api/types.ts';
import { createEntry, type Entry, encodeValue } from '../../storage/entry.ts';
import { storageKey } from '../../storage/keys.ts';
import { resized } from '../kinds/pod/resize.ts';
import { admitByQuota } from '../kinds/quota/admit-quota.ts';
import {
  type AdmissionWrite,
  type Backend,
  type Mutation,
  type Ref,
  type Request,
  type UpdateOptions,
  writeContext,
} from '../registry.ts';
import type { FieldError, Strategy, WriteContext } from '../strategy.ts';
import { createObject } from './create.ts';
import { removeEntry } from './delete.ts';
import { badRequest, conflict, invalid, missing, modified } from './failures.ts';
import {
  hasGeneration,
  keepMetadata,
  keptFields,
  sameObject,
  setManagedFields,
  wantsOther,
} from './metadata.ts';

/**
 * How often a write without a resourceVersion of its own is tried against concurrent ones. Each time somebody
 * else got on, so this many writers of one object would have to meet.
 */
const attempts = 1_000;

/** Kinds that a PUT may create. Upstream: `AllowCreateOnUpdate`. */
const createdByUpdate: readonly string[] = [
  ...['services', 'endpoints', 'events', 'leases'],
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
];

/** Kinds whose PUT must name a resourceVersion. Upstream: `AllowUnconditionalUpdate`. */
const conditional: readonly string[] = ['leases', 'servicecidrs', 'customresourcedefinitions'];

/**
 * What was stored by another release may lack what is filled in today, and so seem to differ where nothing may: then it
 * is compared with what it would be now. Upstream fills in whatever it reads.
 */
function problems(
  strategy: Strategy | undefined,
  next: KubeObject,
  old: KubeObject,
  context: WriteContext,
): readonly FieldError[] {
  const errors = strategy?.validate?.(next, old, context) ?? [];
  if (errors.length === 0 || !strategy?.defaults) return errors;
  const defaulted = structuredClone(old);
  strategy.defaults(defaulted);
  return strategy.validate?.(next, defaulted, context) ?? [];
}

/** Replaces an object, or its status, by what `mutate` makes of the current one. */
export async function updateObject(
  backend: Backend,
  resource: Resource,
  ref: Ref,
  mutate: Mutation,
  request: Request,
  options: UpdateOptions,
): Promise<{ entry: Entry; created: boolean }> {
  const { name, namespace } = ref;
  for (let attempt = 1; ; attempt++) {
    const current = backend.cache.get(resource, name, namespace);
    const mayCreate =
      options.applies || (options.mayCreate && !resource.stored && createdByUpdate.includes(resource.name));
    if (!current && !mayCreate) {
      throw missing(resource, name);
    }
    if (current) await backend.strategyOf(resource)?.custom?.prepare?.([current.object]);
    const object = mutate(current?.object);
    checkName(object, name);
    if (!current) {
      if (object.metadata?.resourceVersion) throw missing(resource, name);
      return { entry: await createObject(backend, resource, object, namespace, request), created: true };
    }
    checkVersion(resource, object, current, options);
    const entry = await replace(backend, resource, ref, object, current, request, options);
    if (entry) return { entry, created: false };
    if (attempt === attempts) throw modified(resource, name);
  }
}

/** One attempt; undefined when somebody else wrote in between. */
async function replace(
  backend: Backend,
  resource: Resource,
  { name, namespace }: Ref,
  object: KubeObject,
  current: Entry,
  request: Request,
  { subresource }: UpdateOptions,
): Promise<Entry | undefined> {
  const { storage, cache } = backend;
  const strategy = backend.strategyOf(resource);
  const context = writeContext(backend, request, subresource);
  const { custom } = strategy ?? {};
  // What a webhook converts is compared in the version of the request.
  const old = custom?.toStored ? custom.present(current.object) : current.object;
  if (strategy?.ready) await strategy.ready(object);
  const sent = object.metadata?.managedFields;
  keepMetadata(resource, object, old, namespace);
  let managedFields = old.metadata?.managedFields as readonly ManagedFieldsEntry[] | undefined;
  let next = prepare(strategy, object, old, context, subresource, (defaulted) => {
    if (request.manage) managedFields = request.manage(old, defaulted, sent, context.now);
  });
  next.metadata = { ...next.metadata };
  setManagedFields(next, managedFields);
  const { admission } = request;
  const write = (shown: KubeObject): AdmissionWrite => {
    const before = custom ? custom.present(old) : old;
    return { operation: 'UPDATE', object: structuredClone(shown), old: before };
  };
  const changed = await admission?.mutate(write(next));
  if (changed) {
    const kept = keptFields(changed, managedFields as ManagedFieldsEntry[] | undefined, context);
    keepMetadata(resource, changed, old, namespace);
    next = prepare(strategy, changed, old, context, subresource, () => undefined);
    next.metadata = { ...next.metadata };
    setManagedFields(next, kept);
  }
  if (hasGeneration(resource) && wantsOther(next, old)) {
    next.metadata = { ...next.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  }
  const errors = subresource === 'binding' ? [] : problems(strategy, next, old, context);
  if (errors.length > 0) throw invalid(resource, name, errors);
  if (isFinished(next)) {
    await admission?.validate(write(next));
    return removeEntry(backend, resource, current, request.dryRun);
  }
  if (!subresource) admitByQuota(context.lookup, resource, next, request.dryRun, old);
  const giveBack = subresource ? undefined : strategy?.allocate?.(next, old, context);
  let kept = false;
  try {
    await admission?.validate(write(next));
    const stored = (await custom?.toStored?.(next)) ?? next;
    if (sameObject(stored, current.object)) return current;
    const key = storageKey(resource, name, namespace);
    const value = encodeValue(resource, stored);
    if (request.dryRun) return createEntry(resource, key, current.revision, value);
    const { ok, revision } = await storage.put(key, value, current.revision);
    if (!ok) return undefined;
    kept = true;
    await cache.reached(revision);
    const entry = cache.get(resource, name, namespace);
    return entry?.revision === revision ? entry : createEntry(resource, key, revision, value);
  } finally {
    if (!kept) giveBack?.();
  }
}

function prepare(
  strategy: Strategy | undefined,
  object: KubeObject,
  old: KubeObject,
  context: WriteContext,
  subresource: UpdateOptions['subresource'],
  manage: (defaulted: KubeObject) => void,
): KubeObject {
  if (subresource === 'finalize') {
    const finalizers = (object as Namespace).spec?.finalizers ?? [];
    const next = { ...old, spec: { ...(old as Namespace).spec, finalizers } } as Namespace;
    manage(next);
    return next;
  }
  // The rules of a kind keep clients from doing what a binding does: it is the apiserver's own write.
  if (subresource === 'binding') return object;
  if (subresource === 'ephemeralcontainers') {
    const next = structuredClone(old) as Pod;
    const { ephemeralContainers } = (object as Pod).spec ?? {};
    if (next.spec && ephemeralContainers) next.spec.ephemeralContainers = ephemeralContainers;
    else delete next.spec?.ephemeralContainers;
    strategy?.defaults?.(next);
    manage(next);
    return next;
  }
  if (subresource === 'resize') {
    const next = resized(old, object);
    strategy?.defaults?.(next);
    manage(next);
    return next;
  }
  if (subresource === 'status') {
    const next = { ...structuredClone(old), status: (object as { status?: unknown }).status } as KubeObject;
    next.metadata = { ...next.metadata, ...statusMetadata(object) };
    strategy?.defaults?.(next);
    manage(next);
    strategy?.prepareStatus?.(next, old, context);
    return next;
  }
  strategy?.defaults?.(object);
  manage(object);
  if (subresource === 'approval') strategy?.prepareApproval?.(object, old, context);
  else strategy?.prepare?.(object, old, context);
  return object;
}

/** A write of the status may also change labels, annotations, finalizers and owners, as upstream lets it. */
function statusMetadata({ metadata = {} }: KubeObject): KubeObject['metadata'] {
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  return {
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
    ...(finalizers ? { finalizers } : {}),
    ...(ownerReferences ? { ownerReferences } : {}),
  };
}

/** Marked for deletion, and nobody holds it any more. Upstream: `ShouldDeleteDuringUpdate`. */
function isFinished({ kind, metadata = {}, ...rest }: KubeObject): boolean {
  if (!metadata.deletionTimestamp || metadata.deletionGracePeriodSeconds) return false;
  if (metadata.finalizers?.length) return false;
  const { spec } = rest as Namespace;
  return kind !== resources.namespaces.kind || !spec?.finalizers?.length;
}

function checkName({ metadata }: KubeObject, name: string): void {
  if (metadata?.name && metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
}

function checkVersion(
  resource: Resource,
  object: KubeObject,
  current: Entry,
  { mayCreate }: UpdateOptions,
): void {
  object.metadata ??= {};
  const { metadata } = object;
  metadata.name ??= current.object.metadata?.name ?? '';
  const { resourceVersion, uid } = metadata;
  const { name } = metadata;
  const actual = current.object.metadata?.uid;
  if (uid && uid !== actual) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actual}`,
    );
  }
  if (!resourceVersion && mayCreate && (resource.stored || conditional.includes(resource.name))) {
    throw invalid(resource, name, [
      {
        reason: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: 'Invalid value: 0x0: must be specified for an update',
      },
    ]);
  }
  if (resourceVersion && resourceVersion !== '0' && resourceVersion !== String(current.revision)) {
    throw modified(resource, name);
  }
}
