import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type { Lookup } from '../registry/strategy.ts';
import { type Change, createChange } from './change.ts';
import { type Collection, createCollection } from './collection.ts';
import { createEntry, type Entry } from './entry.ts';
import { formerKeys, root, storageKey } from './keys.ts';
import type { Storage, StoredChange } from './storage.ts';

/**
 * All objects in memory, each encoded once, with the changes since `oldest`: what lists, watches and
 * the rules of kinds are served from. Follows the storage by one watch, so that it never shows what
 * is not on disk. Upstream: `apiserver/pkg/storage/cacher`.
 */
export interface Cache {
  /** Of the last change seen. */
  readonly revision: number;
  readonly lookup: Lookup;
  get(resource: Resource, name: string, namespace?: string): Entry | undefined;
  /** In key order. `revision` asks for an older state. @throws StatusError 410 Expired */
  list(resource: Resource, namespace?: string, revision?: number): readonly Entry[];
  /**
   * Calls `receive` with every change of a kind above `after`, history first, until the returned function
   * is called. @throws StatusError 410 Expired when history does not reach back that far
   */
  watch(
    resource: Resource,
    after: number,
    receive: (changes: readonly Change[]) => void,
  ): Promise<() => void>;
  /** Resolves when the cache shows `revision`: at once after a write of this process. */
  reached(revision: number): Promise<void>;
  /**
   * Where others write to the same database: resolves when the cache shows all that was written before the call.
   * Upstream: consistent reads from the cache (KEP-2340). @throws StatusError when the database is away
   */
  fresh(): Promise<void> | undefined;
  /** Serves one kind more, with what is stored of it; those that are served already stay as they are. */
  add(resource: Resource): Promise<void>;
  /** Forgets a kind; what is stored stays. */
  drop(resource: Resource): void;
  close(): void;
}

export interface CacheOptions {
  resources: readonly Resource[];
  /** How many revisions of history to keep; at most a quarter more is held between compactions. */
  history?: number;
  /** How many bytes history may hold of objects as they were before, of which half is then forgotten. */
  historyBytes?: number;
  /** Told when compaction fails, which is tried again later, and of values that cannot be read. */
  onError?: (error: unknown) => void;
  /** Called when the cache can follow the storage no more: start anew. */
  onLost?: (error: Error) => void;
}

export async function startCache(
  storage: Storage,
  { resources, history = 10_000, historyBytes = 64 * 2 ** 20, onError, onLost }: CacheOptions,
): Promise<Cache> {
  const collections = new Map<string, Collection>();
  for (const resource of resources) {
    const collection = createCollection(resource);
    collections.set(collection.prefix, collection);
  }
  const waiting = new Map<() => void, number>();
  /** Kinds that are being added, with the changes that came meanwhile. */
  const joining = new Map<string, StoredChange[]>();
  await moveFormerKeys(storage);
  const { revision: started, values } = await storage.range(root);
  let revision = started;
  /** Changes above it are in memory. */
  let oldest = started;
  let compactAt = started + history * 1.25;
  /** Bytes of objects that history alone holds. */
  let held = 0;

  // What is read is let go of one by one: it is as much as the cache itself.
  for (let one = values.pop(); one; one = values.pop()) {
    const collection = collectionOf(one.key);
    collection?.fill(createEntry(collection.resource, one.key, one.revision, one.value));
  }
  const stop = await storage.watch(root, started, receive, onLost);

  function collectionOf(key: string): Collection | undefined {
    const one = key.indexOf('/', root.length) + 1;
    const two = key.indexOf('/', one) + 1;
    return collections.get(key.slice(0, two)) ?? collections.get(key.slice(0, one));
  }

  async function add(resource: Resource): Promise<void> {
    const collection = createCollection(resource);
    const { prefix } = collection;
    if (collections.has(prefix)) return;
    const meanwhile: StoredChange[] = [];
    joining.set(prefix, meanwhile);
    try {
      const { revision: at, values } = await storage.range(prefix);
      await reached(at);
      collection.begin(at);
      for (const { key, value, revision } of values)
        collection.fill(createEntry(resource, key, revision, value));
      for (const one of meanwhile) {
        const change = one.revision > at ? readChange(collection, one) : undefined;
        if (change) collection.apply(change);
      }
      collections.set(prefix, collection);
    } finally {
      joining.delete(prefix);
    }
  }

  function receive(stored: readonly StoredChange[], told: number): void {
    const changed = new Map<Collection, Change[]>();
    for (const one of stored) {
      const collection = collectionOf(one.key);
      if (!collection) {
        if (joining.size > 0) joining.get(twoPartsOf(one.key))?.push(one);
        continue;
      }
      if (one.revision <= collection.began) continue;
      const change = readChange(collection, one);
      if (!change) continue;
      collection.apply(change);
      held += sizeBefore(change);
      const changes = changed.get(collection);
      if (changes) changes.push(change);
      else changed.set(collection, [change]);
    }
    revision = Math.max(revision, told);
    for (const [collection, changes] of changed) {
      collection.tell(changes);
      for (const change of changes) change.settle();
    }
    for (const [resolve, wanted] of waiting) if (revision >= wanted) resolve();
    if (revision > compactAt) forget(revision - history);
    // Few changes of large objects are as much as many of small ones.
    while (held > historyBytes && oldest < revision) forget(Math.ceil((oldest + revision) / 2));
  }

  /** Undefined for what some other program has written that is no object; it says so, and the rest goes on. */
  function readChange(collection: Collection, stored: StoredChange): Change | undefined {
    try {
      const change = toChange(collection.resource, stored, collection.get(stored.key));
      return change.now || change.before ? change : undefined;
    } catch (error) {
      onError?.(error);
      return undefined;
    }
  }

  function reached(wanted: number): Promise<void> {
    if (revision >= wanted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(resolve, wanted);
    return promise.finally(() => waiting.delete(resolve));
  }

  const askLatest = sharing(storage);

  function fresh(): Promise<void> | undefined {
    const latest = askLatest();
    return typeof latest === 'number' ? undefined : latest.then(reached);
  }
  function forget(upTo: number): void {
    oldest = Math.max(oldest, upTo);
    compactAt = revision + history / 4;
    held = 0;
    for (const collection of collections.values()) {
      collection.forget(oldest);
      for (const change of collection.since(oldest)) held += sizeBefore(change);
    }
    storage.compact(upTo).catch((error: unknown) => onError?.(error));
  }

  const of = (resource: Resource): Collection => {
    const collection = collections.get(storageKey(resource, ''));
    // Its definition went while a request waited for what etcd had.
    if (!collection) throw statusError('NotFound', 'the server could not find the requested resource', {});
    return collection;
  };

  /** What happened between `after` and the start of this process, from disk. */
  async function earlier(collection: Collection, after: number): Promise<Change[]> {
    const changes: Change[] = [];
    const stop = await storage.watch(collection.prefix, after, (stored) => {
      for (const one of stored) {
        if (one.revision > Math.max(oldest, collection.began)) break;
        const { previous } = one;
        const before =
          previous && createEntry(collection.resource, previous.key, previous.revision, previous.value);
        changes.push(toChange(collection.resource, one, before));
      }
    });
    stop();
    return changes;
  }

  const lookup: Lookup = {
    get: <T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string) =>
      of(resource).get(storageKey(resource, name, namespace))?.object as T | undefined,
    *list<T extends KubeObject>(resource: Resource<T>, namespace?: string) {
      for (const entry of of(resource).list(namespace)) yield entry.object as T;
    },
  };

  return {
    lookup,
    get revision() {
      return revision;
    },
    get: (resource, name, namespace) => of(resource).get(storageKey(resource, name, namespace)),
    list(resource, namespace, at = revision) {
      if (at >= revision) return of(resource).list(namespace);
      if (at < Math.max(oldest, of(resource).began)) {
        throw statusError('Expired', 'The resourceVersion for the provided list is too old.');
      }
      return of(resource).listAt(at, namespace);
    },
    async watch(resource, after, receive) {
      const collection = of(resource);
      let past: Change[];
      let reachesTo: number;
      do {
        // Reading takes time, in which history may move on.
        reachesTo = Math.max(oldest, collection.began);
        past = after < reachesTo ? await earlier(collection, after) : [];
      } while (oldest > Math.max(reachesTo, after));
      const changes = [...past, ...collection.since(Math.max(after, past.at(-1)?.revision ?? 0))];
      if (changes.length > 0) receive(changes);
      return collection.follow(receive);
    },
    reached,
    fresh,
    add,
    drop: (resource) => void collections.delete(storageKey(resource, '')),
    close: stop,
  };
}

/** What a change keeps in memory that would be gone without it. */
const sizeBefore = ({ before }: Change): number => before?.wire.length ?? 0;

/** `/registry/example.com/widgets/` of a key below it. */
function twoPartsOf(key: string): string {
  const one = key.indexOf('/', root.length) + 1;
  return key.slice(0, key.indexOf('/', one) + 1);
}

/**
 * Asks for the latest revision, once for all who ask at the same time. An answer may be older than a question
 * that came while it was under way, so those share the next one.
 */
function sharing(storage: Storage): () => number | Promise<number> {
  let current: Promise<number> | undefined;
  let next: Promise<number> | undefined;
  const track = (asked: Promise<number>) => {
    current = asked;
    const done = () => {
      if (current === asked) current = undefined;
    };
    asked.then(done, done);
    return asked;
  };
  return () => {
    if (next) return next;
    if (!current) {
      const latest = storage.latest();
      return typeof latest === 'number' ? latest : track(latest);
    }
    const ask = () => {
      next = undefined;
      return track(Promise.resolve(storage.latest()));
    };
    next = current.then(ask, ask);
    return next;
  };
}

async function moveFormerKeys(storage: Storage): Promise<void> {
  for (const { from, to } of formerKeys) {
    for (const { key, value, revision } of (await storage.range(from)).values) {
      await storage.put(to + key.slice(from.length), value, 0);
      await storage.delete(key, revision);
    }
  }
}

function toChange(resource: Resource, stored: StoredChange, previous: Entry | undefined): Change {
  const { key, revision, value } = stored;
  const type = previous ? 'MODIFIED' : 'ADDED';
  return createChange(revision, value && createEntry(resource, key, revision, value, type), previous);
}
