import type { Client } from '../../../api/client.ts';
import { startInformer } from '../../../api/informer.ts';
import { type KubeObject, matchesLabelSelector } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { ServiceImport } from './objects.ts';
import type { KubernetesOptions } from './options.ts';
import { createRecords, type RecordStore, type Records } from './records.ts';
import { parseLabelSelector } from './selector.ts';

/** Known to the API where its CustomResourceDefinition is. */
const serviceImports: Resource<ServiceImport> = {
  group: 'multicluster.x-k8s.io',
  version: 'v1alpha1',
  name: 'serviceimports',
  singular: 'serviceimport',
  kind: 'ServiceImport',
  type: 'ServiceImport',
  namespaced: true,
};

/** The records of an API, shared by all who follow it in the same way. */
export interface Followed {
  records: Records;
  /** For `multicluster` zones. */
  imports: Records | undefined;
  /** Resolves when all that was there at the beginning is in the records. */
  synced: Promise<void>;
  /** To be called once; the watches end with the last user. */
  release(): void;
}

interface Shared {
  records: RecordStore;
  imports: RecordStore | undefined;
  /** Resolves when the watches are under way. */
  started: Promise<{ synced: Promise<void> }>;
  users: number;
  end: AbortController;
}

/** By the one who gives clients, then by what is followed: a reload of the Corefile goes on with what is known. */
const shared = new WeakMap<object, Map<string, Shared>>();

/**
 * Follows an API, or goes on with what follows it already. `owner` is the same object for everything that asks the
 * same API. Throws what making a client throws.
 */
export async function followShared(
  owner: object,
  makeClient: () => Promise<Client>,
  options: KubernetesOptions,
  onError: (resource: string, error: unknown) => void,
): Promise<Followed> {
  const all = shared.get(owner) ?? new Map<string, Shared>();
  shared.set(owner, all);
  const {
    endpoint,
    tls,
    kubeconfig,
    namespaces,
    labels,
    namespaceLabels,
    noEndpoints,
    pods,
    multiclusterZones,
  } = options;
  const which = {
    endpoint,
    tls,
    kubeconfig,
    namespaces: [...namespaces],
    labels,
    namespaceLabels,
    noEndpoints,
  };
  const key = JSON.stringify({ ...which, pods: pods === 'verified', isShared: multiclusterZones.length > 0 });
  const mine = all.get(key) ?? begin();
  all.set(key, mine);
  mine.users++;
  const release = () => {
    if (--mine.users > 0) return;
    if (all.get(key) === mine) all.delete(key);
    mine.end.abort();
  };
  try {
    const { synced } = await mine.started;
    return { records: mine.records, imports: mine.imports, synced, release };
  } catch (error) {
    release();
    throw error;
  }

  function begin(): Shared {
    const records = createRecords();
    const imports = multiclusterZones.length > 0 ? createRecords(Date.now, 'clusterset') : undefined;
    const end = new AbortController();
    const stores = imports ? [records, imports] : [records];
    const started = makeClient().then((client) => ({
      synced: followApi(client, options, stores, end.signal, onError),
    }));
    return { records, imports, started, users: 0, end };
  }
}

/**
 * Follows an API server until `signal` fires; resolves when all that was there at the beginning is in `stores`. Pods
 * are only watched for `pods verified`.
 */
function followApi(
  client: Client,
  options: KubernetesOptions,
  stores: readonly RecordStore[],
  signal: AbortSignal,
  onError: (resource: string, error: unknown) => void,
): Promise<void> {
  const [onlyNamespace] = options.namespaces.size === 1 ? options.namespaces : [];

  const follow = <T extends KubeObject>(resource: Resource<T>, labelSelector?: string): Promise<void> => {
    const informer = startInformer(client, resource, {
      signal,
      ...(onlyNamespace && resource.namespaced ? { namespace: onlyNamespace } : {}),
      ...(labelSelector ? { labelSelector } : {}),
      keep: identityOf,
      onChange: ({ type, object }) => {
        const typed = object.kind ? object : { ...object, kind: resource.kind };
        for (const records of stores) {
          if (type === 'deleted') records.delete(typed);
          else records.put(typed);
        }
      },
      onError: (error) => onError(resource.name, error),
    });
    return informer.synced;
  };

  return Promise.all([
    follow(resources.namespaces, options.namespaceLabels),
    follow(resources.services, options.labels),
    options.noEndpoints ? undefined : follow(resources.endpointslices, options.labels),
    options.pods === 'verified' ? follow(resources.pods) : undefined,
    stores.length > 1 ? follow(serviceImports) : undefined,
  ]).then(() => {
    for (const records of stores) records.markSynced();
  });
}

/** The records have the rest. */
function identityOf<T extends KubeObject>(object: T): T {
  const { name = '', namespace = '', resourceVersion = '' } = object.metadata ?? {};
  return { metadata: { name, ...(namespace ? { namespace } : {}), resourceVersion } } as T;
}

/**
 * The records of a list of objects, those that the options let be seen. A Namespace that objects live in counts as existing even if the list does not hold
 * it, so that a file with Services alone can be asked.
 */
export function recordsOf(
  objects: readonly KubeObject[],
  options: KubernetesOptions,
  of: 'cluster' | 'clusterset' = 'cluster',
): Records {
  const records = createRecords(Date.now, of);
  const services = options.labels === undefined ? undefined : parseLabelSelector(options.labels);
  const namespaces =
    options.namespaceLabels === undefined ? undefined : parseLabelSelector(options.namespaceLabels);
  for (const object of objects) {
    const { labels, namespace } = object.metadata ?? {};
    const selected =
      object.kind === 'Namespace'
        ? !namespaces || matchesLabelSelector(namespaces, labels)
        : !services || object.kind === 'Pod' || matchesLabelSelector(services, labels);
    if (!selected || (options.noEndpoints && object.kind === 'EndpointSlice')) continue;
    records.put(object);
    if (namespace && !namespaces) records.put({ kind: 'Namespace', metadata: { name: namespace } });
  }
  records.markSynced();
  return records;
}
