import { duplicate, invalid } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { additionalOf, isMap, itemsOf, type JSONSchemaProps, propertyOf } from './schema.ts';

/**
 * Checks that lists that are sets hold nothing twice, and lists that are maps no key.
 * Upstream: `pkg/apiserver/schema/listtype/validation.go`.
 */
export function validateListTypes(
  value: unknown,
  schema: JSONSchemaProps | undefined,
  path = '',
): FieldError[] {
  if (!schema) return [];
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return [
      ...uniqueness(value, schema, path),
      ...value.flatMap((item, index) => validateListTypes(item, items, `${path}[${index}]`)),
    ];
  }
  if (!isMap(value)) return [];
  const additional = additionalOf(schema);
  return Object.entries(value).flatMap(([key, field]) => {
    const property = propertyOf(schema, key);
    if (property) return validateListTypes(field, property, path ? `${path}.${key}` : key);
    return validateListTypes(field, additional, `${path}[${key}]`);
  });
}

function uniqueness(list: readonly unknown[], schema: JSONSchemaProps, path: string): FieldError[] {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return repeated(list).map((index) => duplicate(`${path}[${index}]`, list[index]));
    case 'map': {
      const stranger = list.findIndex((item) => item !== null && !isMap(item));
      if (stranger >= 0) {
        const text = 'must be an object for an array of list-type map';
        return [invalid(`${path}[${stranger}]`, list[stranger], text)];
      }
      const keys = list.map((item) => keyOf(item, schema['x-kubernetes-list-map-keys'] ?? []));
      return repeated(keys).map((index) => duplicate(`${path}[${index}]`, keys[index]));
    }
    default:
      return [];
  }
}

function keyOf(item: unknown, names: readonly string[]): Record<string, unknown> {
  if (!isMap(item)) return {};
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]),
  );
}

/** Where each value that stands more than once stands for the second time. */
function repeated(list: readonly unknown[]): number[] {
  const seen = new Map<string, number>();
  return list.flatMap((item, index) => {
    const text = canonical(item);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return times === 2 ? [index] : [];
  });
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isMap(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
