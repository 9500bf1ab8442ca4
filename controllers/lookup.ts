import type { Informer } from '../api/informer.ts';
import type { KubeObject } from '../api/object.ts';

/** Objects of an informer by a value computed from each, kept current. */
export interface Index<T> {
  get(value: string): Iterable<T>;
}

/**
 * Indexes an informer's store. Make it before adding listeners that read it: listeners are called in
 * the order they were added. Upstream: client-go `tools/cache` indexers.
 */
export function createIndex<T extends KubeObject>(
  informer: Informer<T>,
  valuesOf: (object: T) => readonly string[],
): Index<T> {
  const buckets = new Map<string, Map<string, T>>();

  function put(key: string, object: T): void {
    for (const value of valuesOf(object)) {
      let bucket = buckets.get(value);
      if (!bucket) {
        bucket = new Map();
        buckets.set(value, bucket);
      }
      bucket.set(key, object);
    }
  }

  function remove(key: string, object: T): void {
    for (const value of valuesOf(object)) {
      const bucket = buckets.get(value);
      bucket?.delete(key);
      if (bucket?.size === 0) buckets.delete(value);
    }
  }

  informer.onChange(({ type, key, object, old }) => {
    if (old) remove(key, old);
    if (type !== 'deleted') put(key, object);
  });
  for (const [key, object] of informer.store) put(key, object);

  return { get: (value) => buckets.get(value)?.values() ?? [] };
}

/** `[namespace]`, for an index of what lives where. */
export function namespaceOf(object: KubeObject): string[] {
  return object.metadata?.namespace ? [object.metadata.namespace] : [];
}

/** The UIDs of all owners, for an index from an owner to its dependents. */
export function ownerUids(object: KubeObject): string[] {
  return object.metadata?.ownerReferences?.map((owner) => owner.uid) ?? [];
}

/** True when every pair of `selector` is among `labels`; a Service's and ReplicationController's selector. */
export function matchesSelector(
  selector: Record<string, string>,
  labels: Record<string, string> = {},
): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}

/** True when both are the same JSON value; absent and empty lists and the order of keys do not count. */
export function sameJson(left: unknown, right: unknown): boolean {
  return canonicalJson(left) === canonicalJson(right);
}

/** JSON with sorted keys, without nulls and empty lists: equal text means semantically equal objects. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null) return undefined;
    if (Array.isArray(part)) return part.length > 0 ? part : undefined;
    if (typeof part !== 'object') return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** The counts that are not zero: what a status shows. */
export function nonZero<K extends string>(counts: Record<K, number>): Partial<Record<K, number>> {
  const kept = Object.entries<number>(counts).filter(([, count]) => count !== 0);
  return Object.fromEntries(kept) as Partial<Record<K, number>>;
}
