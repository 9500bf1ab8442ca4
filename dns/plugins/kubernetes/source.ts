import type { Client } from '../../../api/client.ts';
import { startInformer } from '../../../api/informer.ts';
import { type KubeObject, matchesLabelSelector } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import { createEndpointsParts, followEndpoints } from './endpoints.ts';
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

/** Who is told how it goes. */
export interface Listener {
  /** A list or watch failed, and is tried again. */
  onError(resource: string, error: unknown): void;
  /** Endpoints are followed in the place of EndpointSlices, which the API refuses for this reason. */
  onInstead(reason: string): void;
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
  listener: Listener,
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
      synced: followApi(client, options, stores, end.signal, listener),
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
  listener: Listener,
): Promise<void> {
  const [onlyNamespace] = options.namespaces.size === 1 ? options.namespaces : [];

  const tell = (object: KubeObject, isDeleted: boolean) => {
    for (const records of stores) {
      if (isDeleted) records.delete(object);
      else records.put(object);
    }
  };

  const follow = <T extends KubeObject>(
    resource: Resource<T>,
    { labelSelector, until = signal, onFailure, onChange = tell }: Following<T> = {},
  ): Promise<void> => {
    const informer = startInformer(client, resource, {
      signal: until,
      ...(onlyNamespace && resource.namespaced ? { namespace: onlyNamespace } : {}),
      ...(labelSelector ? { labelSelector } : {}),
      keep: identityOf,
      onChange: ({ type, object }) => {
        const typed = object.kind ? object : { ...object, kind: resource.kind };
        onChange(typed, type === 'deleted');
      },
      onError: (error) => {
        listener.onError(resource.name, error);
        onFailure?.(error);
      },
    });
    return informer.synced;
  };

  const labelled = options.labels === undefined ? {} : { labelSelector: options.labels };
  const endpointsOrSlices = () => {
    const partsOf = createEndpointsParts();
    const scope = onlyNamespace ? { namespace: onlyNamespace } : {};
    return followEndpoints(client, scope, signal, {
      slices: (until, onFailure) => follow(resources.endpointslices, { ...labelled, until, onFailure }),
      endpoints: () =>
        follow(resources.endpoints, {
          ...labelled,
          onChange(endpoints, isDeleted) {
            const { put, deleted } = partsOf(endpoints, isDeleted);
            for (const slice of put) tell(slice, false);
            for (const slice of deleted) tell(slice, true);
          },
        }),
      onInstead: listener.onInstead,
    });
  };

  return Promise.all([
    follow(
      resources.namespaces,
      options.namespaceLabels === undefined ? {} : { labelSelector: options.namespaceLabels },
    ),
    follow(resources.services, labelled),
    options.noEndpoints ? undefined : endpointsOrSlices(),
    options.pods === 'verified' ? follow(resources.pods) : undefined,
    stores.length > 1 ? follow(serviceImports) : undefined,
  ]).then(() => {
    for (const records of stores) records.markSynced();
  });
}

/** What is followed of a resource, and who is told. */
interface Following<T> {
  labelSelector?: string;
  until?: AbortSignal;
  onFailure?: (error: unknown) => void;
  onChange?: (object: T, isDeleted: boolean) => void;
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
