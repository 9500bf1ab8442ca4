import type { Informer } from '../../api/informer.ts';
import { type KubeObject, keyOf, splitKey } from '../../api/object.ts';
import { type Resource, resourceOf } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { DeleteOptions, OwnerReference } from '../../api/types.ts';
import { allInformers, type Controller } from '../context.ts';
import { createGraph, type GraphNode } from './graph.ts';
import { followOtherKinds } from './other-kinds.ts';

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

/**
 * Deletes what its owners left behind, and carries out foreground deletion and orphaning. An owner that
 * the cache does not have is asked for live, by UID, before anything is deleted. Upstream:
 * `pkg/controller/garbagecollector`.
 */
export const startGarbageCollector: Controller = (context) => {
  const { client, informers, customKinds, reconciler } = context;
  const graph = createGraph();
  const others = followOtherKinds(context, (informer) => {
    watch(informer);
    void informer.synced.then(lookAtAll);
  });
  const queue = reconciler('garbagecollector', reconcile, 20);

  for (const informer of allInformers(informers)) watch(informer);
  customKinds.onKind((informer, ended) => {
    const idOf = watch(informer);
    ended.addEventListener('abort', () => {
      for (const key of informer.store.keys())
        for (const dependent of graph.remove(idOf(key))) queue.enqueue(dependent.id);
    });
    // What had an owner of a kind that was not known then.
    void informer.synced.then(lookAtAll);
  });
  lookAtAll();

  function lookAtAll(): void {
    for (const { id, object } of graph.all()) if (needsLook(object)) queue.enqueue(id);
  }

  function watch(informer: Informer<KubeObject>): (key: string) => string {
    const { resource } = informer;
    const idOf = (key: string) => `${resource.group}/${resource.name}|${key}`;
    informer.onChange(({ type, key, object, old }) => {
      const id = idOf(key);
      if (old && (type === 'deleted' || uidOf(old) !== uidOf(object))) {
        for (const dependent of graph.remove(id)) queue.enqueue(dependent.id);
        // Owners in foreground deletion wait for this one.
        for (const { uid } of ownersOf(old)) enqueueOwner(uid);
      } else if (old && old.metadata?.ownerReferences !== undefined) {
        const blocked = blockedOwners(object);
        for (const uid of blockedOwners(old)) if (!blocked.includes(uid)) enqueueOwner(uid);
      }
      if (type === 'deleted') return;
      graph.put({ id, resource, object });
      if (needsLook(object)) queue.enqueue(id);
    });
    for (const [key, object] of informer.store) graph.put({ id: idOf(key), resource, object });
    return idOf;
  }

  /** Only objects in deletion, and those with an owner the cache does not show, can need anything. */
  function needsLook(object: KubeObject): boolean {
    if (object.metadata?.deletionTimestamp)
      return hasFinalizer(object, foreground) || hasFinalizer(object, orphan);
    return ownersOf(object).some(({ uid }) => {
      const owner = graph.byUid(uid);
      return !owner || isWaiting(owner.object);
    });
  }

  function enqueueOwner(uid: string): void {
    const owner = graph.byUid(uid);
    if (owner?.object.metadata?.deletionTimestamp) queue.enqueue(owner.id);
  }

  async function reconcile(id: string): Promise<void> {
    const node = graph.byId(id);
    if (!node) return;
    if (node.object.metadata?.deletionTimestamp) {
      if (hasFinalizer(node.object, orphan)) await orphanDependents(node);
      else if (hasFinalizer(node.object, foreground)) await deleteDependents(node);
      return;
    }
    if (ownersOf(node.object).length > 0) await collect(node);
  }

  /** The owner goes only when every dependent that blocks it is gone. */
  async function deleteDependents(owner: GraphNode): Promise<void> {
    const dependents = [...graph.dependents(uidOf(owner.object))];
    for (const { id, object } of dependents) if (!object.metadata?.deletionTimestamp) queue.enqueue(id);
    const blocking = dependents.some(({ object }) => blockedOwners(object).includes(uidOf(owner.object)));
    if (!blocking) await removeFinalizer(owner, foreground);
  }

  async function orphanDependents(owner: GraphNode): Promise<void> {
    const uid = uidOf(owner.object);
    await Promise.all([...graph.dependents(uid)].map((dependent) => dropOwners(dependent, [uid])));
    await removeFinalizer(owner, orphan);
  }

  /** Deletes an object whose owners are all gone or waiting for it; forgets the gone ones of several. */
  async function collect(node: GraphNode): Promise<void> {
    const states = await Promise.all(ownersOf(node.object).map((owner) => stateOf(node.object, owner)));
    const owners = ownersOf(node.object).map((owner, index) => ({ owner, state: states[index] }));
    const gone = owners.filter(({ state }) => state === 'absent');
    const waiting = owners.filter(({ state }) => state === 'waiting');
    if (gone.length + waiting.length === 0) return;
    if (gone.length + waiting.length < owners.length) {
      await dropOwners(
        node,
        [...gone, ...waiting].map(({ owner }) => owner.uid),
      );
      return;
    }
    const dependents = [...graph.dependents(uidOf(node.object))];
    const hasDependents = dependents.length > 0;
    // Perhaps a circle, in which each would wait for the next: this one lets its owners go first.
    if (waiting.length > 0 && dependents.some(({ object }) => isWaiting(object))) await unblockOwners(node);
    const propagationPolicy = hasFinalizer(node.object, orphan)
      ? 'Orphan'
      : hasFinalizer(node.object, foreground) || (waiting.length > 0 && hasDependents)
        ? 'Foreground'
        : 'Background';
    await remove(node, { propagationPolicy, preconditions: { uid: uidOf(node.object) } });
  }

  async function stateOf(
    dependent: KubeObject,
    owner: OwnerReference,
  ): Promise<'solid' | 'waiting' | 'absent'> {
    const known = graph.byUid(owner.uid);
    if (known) return isWaiting(known.object) ? 'waiting' : 'solid';
    if (graph.isAbsent(owner.uid)) return 'absent';
    const { apiVersion, kind } = owner;
    const resource =
      resourceOf(apiVersion, kind) ??
      customKinds.resourceOf(apiVersion, kind) ??
      (await others.resourceOf(apiVersion, kind));
    // A kind that the server does not know, or does not know yet: never delete on a guess.
    if (!resource) return 'solid';
    const { namespace } = dependent.metadata ?? {};
    try {
      const scope = resource.namespaced && namespace ? { namespace } : {};
      const live = await client.get(resource, { name: owner.name, ...scope });
      if (uidOf(live) === owner.uid) return isWaiting(live) ? 'waiting' : 'solid';
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    graph.markAbsent(owner.uid);
    return 'absent';
  }

  async function dropOwners({ resource, object }: GraphNode, uids: readonly string[]): Promise<void> {
    const ownerReferences = ownersOf(object).filter(({ uid }) => !uids.includes(uid));
    await patchMetadata(resource, object, { ownerReferences: unlessEmpty(ownerReferences) });
  }

  async function unblockOwners({ resource, object }: GraphNode): Promise<void> {
    if (blockedOwners(object).length === 0) return;
    const ownerReferences = ownersOf(object).map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    await patchMetadata(resource, object, { ownerReferences });
  }

  async function removeFinalizer({ resource, object }: GraphNode, finalizer: string): Promise<void> {
    const finalizers = (object.metadata?.finalizers ?? []).filter((name) => name !== finalizer);
    await patchMetadata(resource, object, { finalizers: unlessEmpty(finalizers) });
  }

  async function patchMetadata(resource: Resource, object: KubeObject, metadata: object): Promise<void> {
    const { uid, resourceVersion } = object.metadata ?? {};
    await client
      .patch(resource, splitKey(keyOf(object)), 'merge', { metadata: { uid, resourceVersion, ...metadata } })
      .catch(unlessGone);
  }

  async function remove({ resource, object }: GraphNode, options: DeleteOptions): Promise<void> {
    try {
      await client.delete(resource, splitKey(keyOf(object)), options);
    } catch (error) {
      // A conflict is another UID under the same name: ours is gone.
      if (!hasReason(error, 'Conflict')) unlessGone(error);
    }
  }
};

function ownersOf(object: KubeObject): OwnerReference[] {
  return object.metadata?.ownerReferences ?? [];
}

/** UIDs of the owners that cannot go before it in a foreground deletion. */
function blockedOwners(object: KubeObject): string[] {
  return ownersOf(object).flatMap(({ uid, blockOwnerDeletion }) => (blockOwnerDeletion ? [uid] : []));
}

function uidOf(object: KubeObject): string {
  return object.metadata?.uid ?? '';
}

function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata?.finalizers?.includes(finalizer) ?? false;
}

/** In foreground deletion: its dependents go first. */
function isWaiting(object: KubeObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined && hasFinalizer(object, foreground);
}

/** As Go writes a list that has become empty: not at all. */
const unlessEmpty = <T>(list: readonly T[]) => (list.length > 0 ? list : null);

function unlessGone(error: unknown): void {
  if (!hasReason(error, 'NotFound')) throw error;
}
