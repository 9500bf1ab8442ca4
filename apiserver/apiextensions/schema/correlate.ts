import { isDeepStrictEqual } from 'node:util';
import { isMap, type JSONSchemaProps } from './schema.ts';

/** What stood in the place of a value before. */
export interface Before {
  value: unknown;
}

/**
 * The item of the same keys in a list that is a map; of other lists no two items can be told to be the same. Upstream:
 * `apiserver/pkg/cel/common/equality.go`.
 */
export function itemBefore(item: unknown, old: unknown, schema: JSONSchemaProps): Before | undefined {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old) || !isMap(item)) return undefined;
  const found = old.find((one) => isMap(one) && keys.every((key) => isDeepStrictEqual(one[key], item[key])));
  return found === undefined ? undefined : { value: found };
}

export function fieldBefore(key: string, old: unknown): Before | undefined {
  return isMap(old) && Object.hasOwn(old, key) ? { value: old[key] } : undefined;
}
