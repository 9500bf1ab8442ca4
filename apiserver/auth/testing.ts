import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import type { Cache } from '../storage/cache.ts';
import { createChange } from '../storage/change.ts';
import { createCollection } from '../storage/collection.ts';
import { createEntry, encodeValue } from '../storage/entry.ts';
import { storageKey } from '../storage/keys.ts';
import type { User } from './user.ts';

/** A cache without a storage behind it, for tests of those who follow one. */
export interface MemoryCache {
  cache: Cache;
  put(resource: Resource, object: KubeObject): void;
  remove(resource: Resource, name: string, namespace?: string): void;
}

export function createMemoryCache(objects: readonly (readonly [Resource, KubeObject])[] = []): MemoryCache {
  const collections = new Map<Resource, ReturnType<typeof createCollection>>();
  let revision = 0;
  const of = (resource: Resource) => {
    const collection = collections.get(resource) ?? createCollection(resource);
    collections.set(resource, collection);
    return collection;
  };
  const change = (resource: Resource, name: string, namespace: string | undefined, object?: KubeObject) => {
    const key = storageKey(resource, name, namespace);
    const now = object && createEntry(resource, key, ++revision, encodeValue(resource, object));
    const one = createChange(revision, now, of(resource).get(key));
    of(resource).apply(one);
    of(resource).tell([one]);
  };
  const get: Cache['get'] = (resource, name, namespace) =>
    of(resource).get(storageKey(resource, name, namespace));
  const cache: Cache = {
    get revision() {
      return revision;
    },
    lookup: {
      get: <T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string) =>
        get(resource, name, namespace)?.object as T | undefined,
      *list<T extends KubeObject>(resource: Resource<T>, namespace?: string) {
        for (const { object } of of(resource).list(namespace)) yield object as T;
      },
    },
    get,
    list: (resource, namespace) => of(resource).list(namespace),
    watch: async (resource, _, receive) => of(resource).follow(receive),
    reached: async () => undefined,
    fresh: () => undefined,
    add: async () => undefined,
    drop: () => undefined,
    close: () => undefined,
  };
  const put = (resource: Resource, object: KubeObject) =>
    change(resource, object.metadata?.name ?? '', object.metadata?.namespace, object);
  for (const [resource, object] of objects) put(resource, object);
  return { cache, put, remove: (resource, name, namespace) => change(resource, name, namespace) };
}

export const someone = (name: string, ...groups: string[]): User => ({ name, groups });
