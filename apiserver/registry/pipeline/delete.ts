import type { KubeObject } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { DeleteOptions, Namespace } from '../../../api/types.ts';
import { atRevision, createEntry, type Entry, encodeValue } from '../../storage/entry.ts';
import { storageKey } from '../../storage/keys.ts';
import type { Admission, AdmissionWrite, Backend, Deletion, Ref, Request } from '../registry.ts';
import { conflict, missing, modified } from './failures.ts';
import { admitNamespaceDeletion } from './lifecycle.ts';
import { timestamp } from './metadata.ts';

/** Against concurrent writers, as in `update.ts`. */
const attempts = 1_000;

/**
 * Removes an object, or marks it where a grace period or finalizers hold it.
 * Upstream: `rest.BeforeDelete`, `Store.Delete`, `deletionFinalizersForGarbageCollection`.
 */
export async function deleteObject(
  backend: Backend,
  resource: Resource,
  { name, namespace }: Ref,
  options: DeleteOptions,
  request: Request,
): Promise<Deletion> {
  for (let attempt = 1; ; attempt++) {
    const entry = backend.cache.get(resource, name, namespace);
    if (!entry) throw missing(resource, name);
    checkPreconditions(resource, entry, options);
    if (resource === resources.namespaces) admitNamespaceDeletion(name);
    if (request.admission) await admitDeletion(backend, resource, entry, options, request.admission);
    const begun = entry.object.metadata?.deletionTimestamp !== undefined;
    const prepareDelete = begun ? undefined : backend.strategyOf(resource)?.prepareDelete;
    const object = prepareDelete?.(entry.object, backend.now()) ?? entry.object;
    const marked = mark(backend, resource, object, options);
    if (marked === entry.object) return { removed: false, entry };
    const result = marked
      ? await replace(backend, resource, entry, marked, request.dryRun)
      : await removeEntry(backend, resource, entry, request.dryRun);
    if (result) return { removed: !marked, entry: result };
    if (attempt === attempts) throw modified(resource, name);
  }
}

async function admitDeletion(
  { strategyOf }: Backend,
  resource: Resource,
  { object }: Entry,
  options: DeleteOptions,
  admission: Admission,
): Promise<void> {
  const { custom } = strategyOf(resource) ?? {};
  const { name = '' } = object.metadata ?? {};
  await custom?.prepare?.([object]);
  const old = custom ? custom.present(object) : object;
  const said = { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...options };
  const write: AdmissionWrite = { operation: 'DELETE', name, old, options: said };
  await admission.mutate(write);
  await admission.validate(write);
}

/** Removes exactly the version `entry`; undefined when somebody else wrote in between. */
export async function removeEntry(
  { storage, cache, strategyOf }: Backend,
  resource: Resource,
  entry: Entry,
  dryRun: boolean,
): Promise<Entry | undefined> {
  if (dryRun) return entry;
  const { ok, revision } = await storage.delete(entry.key, entry.revision);
  if (!ok) return undefined;
  await cache.reached(revision);
  strategyOf(resource)?.release?.(entry.object);
  return atRevision(entry, revision);
}

async function replace(
  { storage, cache }: Backend,
  resource: Resource,
  entry: Entry,
  object: KubeObject,
  dryRun: boolean,
): Promise<Entry | undefined> {
  const { name = '', namespace } = object.metadata ?? {};
  const key = storageKey(resource, name, namespace);
  const value = encodeValue(resource, object);
  if (dryRun) return createEntry(resource, key, entry.revision, value);
  const { ok, revision } = await storage.put(key, value, entry.revision);
  if (!ok) return undefined;
  await cache.reached(revision);
  return createEntry(resource, key, revision, value);
}

/** The object as marked for deletion, itself when it is marked enough, or undefined when it may go now. */
function mark(
  { strategyOf, now }: Backend,
  resource: Resource,
  object: KubeObject,
  options: DeleteOptions,
): KubeObject | undefined {
  const { metadata = {} } = object;
  const grace = graceOf(strategyOf(resource)?.graceful, object, options.gracePeriodSeconds);
  const finalizers = finalizersAfter(metadata.finalizers ?? [], options);
  const held = finalizers.length > 0 || isHeldNamespace(resource, object);
  if (grace === 0 && !held) return undefined;

  const same = finalizers.join() === (metadata.finalizers ?? []).join();
  if (metadata.deletionTimestamp) {
    const before = metadata.deletionGracePeriodSeconds ?? 0;
    if (isHeldNamespace(resource, object)) {
      throw conflict(
        resource,
        metadata.name ?? '',
        'The system is ensuring all content is removed from this namespace.  Upon completion, this namespace will automatically be purged by the system.',
      );
    }
    if (same && grace >= before) return object;
  }
  const generation = metadata.generation ? { generation: metadata.generation + 1 } : {};
  const marked: KubeObject = {
    ...object,
    metadata: {
      ...metadata,
      ...(metadata.deletionTimestamp ? {} : generation),
      deletionTimestamp: deletionTime(metadata, grace, now()),
      deletionGracePeriodSeconds: grace,
    },
  };
  if (marked.metadata && !same) marked.metadata.finalizers = finalizers;
  return resource === resources.namespaces ? terminating(marked) : marked;
}

/** Seconds until the object may be removed; a later DELETE can shorten that, never lengthen it. */
function graceOf(
  graceful:
    | ((object: KubeObject, seconds: number | undefined) => { gracePeriodSeconds: number } | undefined)
    | undefined,
  object: KubeObject,
  asked: number | undefined,
): number {
  const { deletionTimestamp, deletionGracePeriodSeconds: before = 0 } = object.metadata ?? {};
  if (deletionTimestamp && asked === undefined) return before;
  const seconds = graceful?.(object, asked)?.gracePeriodSeconds ?? 0;
  return deletionTimestamp ? Math.min(seconds, before) : seconds;
}

/** A shortened grace period counts from the moment of the first DELETE. */
function deletionTime(
  { deletionTimestamp, deletionGracePeriodSeconds = 0 }: NonNullable<KubeObject['metadata']>,
  grace: number,
  now: Date,
): string {
  if (!deletionTimestamp) return timestamp(new Date(now.getTime() + grace * 1000));
  const first = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return timestamp(new Date(first + grace * 1000));
}

/** What `propagationPolicy` (or the older `orphanDependents`) makes of the garbage collector's finalizers. */
function finalizersAfter(finalizers: readonly string[], options: DeleteOptions): string[] {
  const { orphanDependents } = options;
  const policy =
    options.propagationPolicy ??
    (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((one) => one !== 'orphan' && one !== 'foregroundDeletion');
  if (policy === 'Orphan') return [...others, 'orphan'];
  if (policy === 'Foreground') return [...others, 'foregroundDeletion'];
  return others;
}

/** A namespace stays until its controller has emptied it and taken its own finalizer from `spec`. */
function isHeldNamespace(resource: Resource, object: KubeObject): boolean {
  return resource === resources.namespaces && Boolean((object as Namespace).spec?.finalizers?.length);
}

function terminating(namespace: KubeObject): KubeObject {
  return { ...namespace, status: { ...(namespace as Namespace).status, phase: 'Terminating' } } as Namespace;
}

function checkPreconditions(
  resource: Resource,
  { object, revision }: Entry,
  { preconditions }: DeleteOptions,
): void {
  const { name = '', uid } = object.metadata ?? {};
  if (preconditions?.uid && preconditions.uid !== uid) {
    throw conflict(
      resource,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions?.resourceVersion && preconditions.resourceVersion !== String(revision)) {
    throw conflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${revision}). The object might have been modified`,
    );
  }
}
