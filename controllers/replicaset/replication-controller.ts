import type { Change, Informer } from '../../api/informer.ts';
import { resources } from '../../api/scheme.ts';
import type { ReplicaSet, ReplicationController } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { startReplicas } from './replicaset.ts';

/**
 * ReplicationControllers are ReplicaSets with a plain selector, and are looked after by the same code. Upstream:
 * `pkg/controller/replication`.
 */
export const startReplicationController: Controller = (context) => {
  const { client, informers } = context;
  const owners = asReplicaSets(informers.replicationcontrollers);
  startReplicas(context, {
    owners,
    component: 'replication-controller',
    queue: 'replicationcontroller',
    async writeStatus({ metadata = {} }, status) {
      const { namespace = '', name = '' } = metadata;
      const original = informers.replicationcontrollers.store.get(`${namespace}/${name}`);
      if (!original) return {};
      const written = await client.update(
        resources.replicationcontrollers,
        { ...original, status },
        'status',
      );
      return asReplicaSet(written);
    },
  });
};

function asReplicaSet(controller: ReplicationController): ReplicaSet {
  const { spec } = controller;
  if (!spec) return { ...controller, spec: { selector: {} } } as ReplicaSet;
  const { selector, ...rest } = spec;
  return { ...controller, spec: { ...rest, selector: { matchLabels: selector ?? {} } } } as ReplicaSet;
}

/** The same informer, with objects as ReplicaSets; each is converted once. */
function asReplicaSets(informer: Informer<ReplicationController>): Informer<ReplicaSet> {
  const { object: _, ...resource } = informer.resource;
  const store = new Map<string, ReplicaSet>();
  const listeners = new Set<(change: Change<ReplicaSet>) => void>();
  for (const [key, object] of informer.store) store.set(key, asReplicaSet(object));
  informer.onChange(({ type, key, object }) => {
    const old = store.get(key);
    const now = asReplicaSet(object);
    if (type === 'deleted') store.delete(key);
    else store.set(key, now);
    for (const listener of listeners) listener({ type, key, object: now, ...(old ? { old } : {}) });
  });
  return {
    resource,
    store,
    synced: informer.synced,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
