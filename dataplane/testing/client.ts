import { EventEmitter, on } from 'node:events';
import type { Client } from '../../api/client.ts';
import { type KubeObject, keyOf, type WatchEvent } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';

/** An API of a test's own: lists and watches what was put. Selectors are not looked at. */
export interface MemoryApi {
  readonly client: Client;
  put(resource: Resource, object: KubeObject): void;
  remove(resource: Resource, key: string): void;
}

export function createMemoryApi(): MemoryApi {
  const stores = new Map<string, Map<string, KubeObject>>();
  const events = new EventEmitter();
  let version = 1;
  const storeOf = (resource: Resource) => {
    const store = stores.get(resource.name) ?? new Map<string, KubeObject>();
    stores.set(resource.name, store);
    return store;
  };
  const never = () => Promise.reject(new Error('the memory API only lists and watches'));
  const client: Client = {
    get: never,
    create: never,
    update: never,
    patch: never,
    delete: never,
    request: never,
    close: () => undefined,
    async list<T extends KubeObject>(resource: Resource<T>) {
      const items = [...storeOf(resource).values()] as T[];
      return {
        apiVersion: 'v1',
        kind: `${resource.kind}List`,
        metadata: { resourceVersion: String(version) },
        items,
      };
    },
    async *watch<T extends KubeObject>(
      resource: Resource<T>,
      { signal, sendInitialEvents }: { signal?: AbortSignal; sendInitialEvents?: boolean },
    ) {
      // Listened to before the first of them is given, so that none is missed.
      const following = on(events, resource.name, signal ? { signal } : {});
      if (sendInitialEvents) {
        for (const object of [...storeOf(resource).values()])
          yield { type: 'ADDED', object: object as T } as const;
        const annotations = { 'k8s.io/initial-events-end': 'true' };
        const bookmark: KubeObject = { metadata: { resourceVersion: String(version), annotations } };
        yield { type: 'BOOKMARK', object: bookmark as T };
      }
      for await (const [event] of following) yield event as WatchEvent<T>;
    },
  };
  return {
    client,
    put(resource, object) {
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
      const known = storeOf(resource).has(keyOf(object));
      storeOf(resource).set(keyOf(object), stored);
      events.emit(resource.name, { type: known ? 'MODIFIED' : 'ADDED', object: stored });
    },
    remove(resource, key) {
      const object = storeOf(resource).get(key);
      storeOf(resource).delete(key);
      if (object) events.emit(resource.name, { type: 'DELETED', object });
    },
  };
}
