import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ListOptions } from './client.ts';
import { type KubeObject, keyOf } from './object.ts';
import type { Resource } from './scheme.ts';
import { hasReason } from './status.ts';
import { readableVersions } from './versions.ts';

/** A change seen by an informer. `old` is what the store held before. */
export interface Change<T> {
  type: 'added' | 'modified' | 'deleted';
  key: string;
  object: T;
  old?: T;
}

export interface InformerOptions<T>
  extends Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'> {
  signal: AbortSignal;
  /** Waited for before the first request. */
  begin?: Promise<unknown>;
  /**
   * What the store holds of an object; listeners get it whole. Must leave name, namespace and resourceVersion.
   * Upstream: SetTransform.
   */
  keep?: (object: T) => T;
  /** Called for every change, after the store holds it. Must not throw. */
  onChange?: (change: Change<T>) => void;
  /** Told of a failed list or watch, which is retried; of failures of one kind in a row only once. */
  onError?: (error: unknown) => void;
}

/** A local, current copy of a collection. */
export interface Informer<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** By `namespace/name`. Objects are shared: never modify them. */
  readonly store: ReadonlyMap<string, T>;
  /** Resolves once the first list is in the store. */
  readonly synced: Promise<void>;
  /** Adds a listener; returns the function that removes it. */
  onChange(listener: (change: Change<T>) => void): () => void;
}

const firstBackoff = 10;
const longestBackoff = 1_000;

/** Marks the bookmark after which a stream that began with what there is goes on with changes. */
const initialEventsEnd = 'k8s.io/initial-events-end';

/**
 * Keeps a copy of a collection until `signal` fires, in one request: a watch that begins with what there is
 * (KEP-3157), where the server knows that, else a list and then a watch; and in an older version, shown as today's,
 * where the server has no other. Resumes after every interruption: from
 * the last resourceVersion seen, or all anew after 410 Gone. Upstream: client-go `tools/cache/reflector.go`.
 */
export function startInformer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: InformerOptions<T>,
): Informer<T> {
  const store = new Map<string, T>();
  const listeners = new Set<(change: Change<T>) => void>(options.onChange ? [options.onChange] : []);
  const { signal, namespace, labelSelector, fieldSelector, keep = (object: T) => object } = options;
  const scope = {
    ...(namespace ? { namespace } : {}),
    ...(labelSelector ? { labelSelector } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
  };
  let markSynced: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve;
  });
  let version: string | undefined;
  /** The group version that is asked for: the kind's own, and where the server has none of it an older one. */
  let asked = 0;
  const versions = readableVersions(resource);
  const read = (object: T): T => versions[asked]?.read?.(object) ?? object;
  /** Whether the server may know how to begin a watch with what there is. */
  let streams = true;
  let backoff = firstBackoff;
  let lastError: string | undefined;

  function tellOnce(error: unknown): void {
    const text = String(error);
    if (text !== lastError) options.onError?.(error);
    lastError = text;
  }

  const tell = (change: Change<T>) => {
    for (const listener of listeners) listener(change);
  };

  function put(object: T): void {
    const key = keyOf(object);
    const old = store.get(key);
    if (old?.metadata?.resourceVersion && old.metadata.resourceVersion === object.metadata?.resourceVersion)
      return;
    store.set(key, keep(object));
    tell(old ? { type: 'modified', key, object, old } : { type: 'added', key, object });
  }

  function remove(key: string, last?: T): void {
    const old = store.get(key);
    if (!old) return;
    store.delete(key);
    tell({ type: 'deleted', key, object: last ?? old, old });
  }

  /** Brings the store to what a collection was at one moment. */
  function replace(items: Iterable<T>, at: string | undefined): void {
    const present = new Map([...items].map((item) => [keyOf(item), item]));
    for (const key of [...store.keys()]) if (!present.has(key)) remove(key);
    for (const item of present.values()) put(item);
    version = at ?? '0';
    markSynced();
  }

  async function list(): Promise<void> {
    const { items, metadata } = await client.list(versions[asked]?.resource ?? resource, scope);
    replace(items.map(read), metadata.resourceVersion);
  }

  async function watch(): Promise<void> {
    let initial = version === undefined ? new Map<string, T>() : undefined;
    for await (const { type, object: found } of client.watch(versions[asked]?.resource ?? resource, {
      ...scope,
      ...(version === undefined
        ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: version }),
      allowWatchBookmarks: true,
      signal,
    })) {
      backoff = firstBackoff;
      lastError = undefined;
      const object = read(found);
      if (initial) {
        if (type === 'DELETED') initial.delete(keyOf(object));
        else if (type !== 'BOOKMARK') initial.set(keyOf(object), object);
        else if (object.metadata?.annotations?.[initialEventsEnd]) {
          replace(initial.values(), object.metadata.resourceVersion);
          initial = undefined;
        }
        continue;
      }
      if (type === 'DELETED') remove(keyOf(object), object);
      else if (type !== 'BOOKMARK') put(object);
      version = object.metadata?.resourceVersion ?? version;
    }
  }

  async function run(): Promise<void> {
    if (options.begin) await options.begin;
    while (!signal.aborted) {
      try {
        if (version === undefined && !streams) await list();
        await watch();
      } catch (error) {
        if (signal.aborted) return;
        if (hasReason(error, 'Expired') || hasReason(error, 'Gone')) {
          version = undefined;
          continue;
        }
        // Servers before 1.27, and those with the feature gate WatchList off, refuse the options.
        if (
          version === undefined &&
          streams &&
          (hasReason(error, 'Invalid') || hasReason(error, 'BadRequest'))
        ) {
          streams = false;
          continue;
        }
        if (version === undefined && hasReason(error, 'NotFound') && versions.length > 1) {
          asked = (asked + 1) % versions.length;
          if (asked > 0) continue;
        }
        tellOnce(error);
      }
      await delay(backoff * (0.5 + Math.random()), undefined, { signal, ref: true }).catch(() => undefined);
      backoff = Math.min(backoff * 2, longestBackoff);
    }
  }
  void run();

  return {
    resource,
    store,
    synced,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Listens to an informer that may have begun long before: what it holds already comes first, as added. */
export function follow<T extends KubeObject>(
  informer: Informer<T>,
  listener: (change: Change<T>) => void,
): () => void {
  for (const [key, object] of informer.store) listener({ type: 'added', key, object });
  return informer.onChange(listener);
}
