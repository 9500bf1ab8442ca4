import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ListOptions } from './client.ts';
import { type KubeObject, keyOf } from './object.ts';
import type { Resource } from './scheme.ts';
import { hasReason } from './status.ts';

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

/**
 * Lists and then watches a collection until `signal` fires, resuming after every interruption: from
 * the last resourceVersion seen, or by a new list after 410 Gone. Upstream: client-go
 * `tools/cache/reflector.go`.
 */
export function startInformer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: InformerOptions<T>,
): Informer<T> {
  const store = new Map<string, T>();
  const listeners = new Set<(change: Change<T>) => void>(options.onChange ? [options.onChange] : []);
  const { signal, namespace, labelSelector, fieldSelector } = options;
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
    store.set(key, object);
    tell(old ? { type: 'modified', key, object, old } : { type: 'added', key, object });
  }

  function remove(key: string, last?: T): void {
    const old = store.get(key);
    if (!old) return;
    store.delete(key);
    tell({ type: 'deleted', key, object: last ?? old, old });
  }

  async function list(): Promise<void> {
    const { items, metadata } = await client.list(resource, scope);
    const present = new Set(items.map(keyOf));
    for (const key of [...store.keys()]) if (!present.has(key)) remove(key);
    for (const item of items) put(item);
    version = metadata.resourceVersion ?? '0';
    markSynced();
  }

  async function watch(): Promise<void> {
    const from = version === undefined ? {} : { resourceVersion: version };
    for await (const { type, object } of client.watch(resource, {
      ...scope,
      ...from,
      allowWatchBookmarks: true,
      signal,
    })) {
      backoff = firstBackoff;
      lastError = undefined;
      if (type === 'DELETED') remove(keyOf(object), object);
      else if (type !== 'BOOKMARK') put(object);
      version = object.metadata?.resourceVersion ?? version;
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (version === undefined) await list();
        await watch();
      } catch (error) {
        if (signal.aborted) return;
        if (hasReason(error, 'Expired') || hasReason(error, 'Gone')) {
          version = undefined;
          continue;
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
