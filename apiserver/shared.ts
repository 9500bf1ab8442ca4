import { type Resource, resources } from '../api/scheme.ts';
import type { Service } from '../api/types.ts';
import { startMasterLeases } from './master-leases.ts';
import type { FollowServices } from './registry/kinds/service/allocate.ts';
import { createRegistry, type Registry } from './registry/registry.ts';
import { withAnotherChoice } from './registry/shared/registry.ts';
import { withSharedAllocation } from './registry/shared/storage.ts';
import type { Strategy } from './registry/strategy.ts';
import type { Cache } from './storage/cache.ts';
import { type StorageRelease, withForms } from './storage/etcd/forms.ts';
import { type EtcdOptions, openEtcdStorage } from './storage/etcd/storage.ts';
import type { SharedStorage } from './storage/storage.ts';

/** What an apiserver does otherwise that is not the only one. */
export interface Sharing {
  storage: SharedStorage;
  followServices(cache: Cache): FollowServices;
  /** One beside those of the others. `nodePorts`: `30000-32767` */
  createRegistry(options: {
    cache: Cache;
    strategies: readonly Strategy[];
    customStrategyOf: (resource: Resource) => Strategy | undefined;
    now: () => Date;
    nodePorts: string;
  }): Registry;
  /** Makes this one an endpoint of the Service `kubernetes`; the function it gives takes it off again. */
  enter(
    options: {
      registry: Registry;
      cache: Cache;
      advertise: { host: string; port: number };
      onError(error: unknown): void;
    },
    signal: AbortSignal,
  ): Promise<() => Promise<void>>;
}

/** An etcd, and whom else what is written there is for. */
export interface SharedEtcd extends EtcdOptions {
  /** A release of kube-apiserver that is to read it, too. Default: those that know the versions ours stores. */
  release?: StorageRelease;
}

/** Loaded only where there is an etcd. @throws StatusError when no member of it answers */
export async function openSharing(etcd: SharedEtcd): Promise<Sharing> {
  const storage = withForms(await openEtcdStorage(etcd), etcd.release);
  return {
    storage,
    followServices: (cache) => (tell) => {
      // Ends with the process, as the cache does.
      void cache.watch(resources.services, cache.revision, (changes) => {
        for (const { now, before } of changes)
          tell(now?.object as Service | undefined, before?.object as Service | undefined);
      });
    },
    createRegistry: ({ cache, nodePorts, ...options }) =>
      withAnotherChoice(
        createRegistry({ ...options, cache, storage: withSharedAllocation(storage, cache, nodePorts) }),
        cache,
      ),
    enter: (options, signal) => startMasterLeases({ storage, ...options }, signal),
  };
}
