import type { Informer } from '../api/informer.ts';
import { controllerOf, type KubeObject, keyOf, matchesLabelSelector } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import type { LabelSelector, Pod } from '../api/types.ts';
import type { ControllerContext, Informers } from './context.ts';
import { createIndex, type Index, namespaceOf, ownerUids } from './lookup.ts';
import { claimAll } from './replicaset/claim.ts';
import type { Expectations } from './replicaset/expectations.ts';

/** A kind whose objects own pods that they select by label. */
export interface PodOwner extends KubeObject {
  spec?: { selector?: LabelSelector };
}

/** Which pods belong to which owner of one kind. */
export interface OwnedPods<T extends PodOwner> {
  /** The owner's pods among those that `counts` holds for, after adoption and release. */
  claim(owner: T, counts?: (pod: Pod) => boolean): Promise<Pod[]>;
  /** Those that name the object of this UID as an owner. */
  of(uid: string): Iterable<Pod>;
}

/**
 * Looks after the pods of one kind of owner: each change of a pod queues the owner it has, had, or may get,
 * and settles what `expectations` waits for.
 */
export function createOwnedPods<T extends PodOwner>(
  { client, informers }: ControllerContext,
  owners: Informer<T>,
  queue: { enqueue(key: string): void },
  expectations: Expectations,
): OwnedPods<T> {
  const { kind } = owners.resource;
  const { byOwner, orphans } = podIndexes(informers);
  const ownersByNamespace = createIndex(owners, namespaceOf);

  informers.pods.onChange(({ type, object, old }) => {
    const { namespace = '', uid = '', labels, deletionTimestamp } = object.metadata ?? {};
    const owner = controllerOf(object);
    if (owner?.kind === kind) {
      const key = `${namespace}/${owner.name}`;
      // A deletion counts as seen when the pod is marked, a creation as soon as the pod is there.
      if (type === 'added' || type === 'deleted' || deletionTimestamp) expectations.observed(key, uid);
      queue.enqueue(key);
    } else if (!owner) {
      for (const candidate of ownersByNamespace.get(namespace)) {
        if (matchesLabelSelector(candidate.spec?.selector, labels)) queue.enqueue(keyOf(candidate));
      }
    }
    const before = old && controllerOf(old);
    if (before?.kind === kind && before.uid !== owner?.uid) queue.enqueue(`${namespace}/${before.name}`);
  });

  return {
    of: (uid) => byOwner.get(uid),
    claim(owner, counts = () => true) {
      const { uid = '', namespace = '' } = owner.metadata ?? {};
      const candidates = [...byOwner.get(uid), ...orphans.get(namespace)].filter(counts);
      return claimAll(client, owners.resource, owner, owner.spec?.selector, resources.pods, candidates);
    },
  };
}

interface PodIndexes {
  byOwner: Index<Pod>;
  orphans: Index<Pod>;
}

/** One pair of indexes for all controllers: the first of them makes it, before any of their listeners. */
const shared = new WeakMap<Informers, PodIndexes>();

function podIndexes(informers: Informers): PodIndexes {
  const indexes = shared.get(informers) ?? {
    byOwner: createIndex(informers.pods, ownerUids),
    orphans: createIndex(informers.pods, (pod) => (controllerOf(pod) ? [] : namespaceOf(pod))),
  };
  shared.set(informers, indexes);
  return indexes;
}
