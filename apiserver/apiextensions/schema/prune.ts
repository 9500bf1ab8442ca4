import {
  additionalOf,
  isMap,
  itemsOf,
  type JSONSchemaProps,
  metaFields,
  propertyOf,
  takesAdditional,
} from './schema.ts';

/**
 * Removes the fields that a structural schema does not know, in place, and returns their paths (`spec.ports[0].foo`).
 * Upstream: `pkg/apiserver/schema/pruning/algorithm.go`.
 *
 * @param isObject whether the value is an object of the API, with a type and metadata of its own
 */
export function prune(value: unknown, schema: JSONSchemaProps | undefined, isObject: boolean): string[] {
  const unknown: string[] = [];
  pruneValue(value, schema, isObject, '', unknown);
  return unknown;
}

function pruneValue(
  value: unknown,
  schema: JSONSchemaProps | undefined,
  isObject: boolean,
  path: string,
  unknown: string[],
): void {
  if (Array.isArray(value)) {
    const keep = keepsUnknown(schema);
    const items = itemsOf(schema);
    for (const [index, item] of value.entries()) {
      const at = `${path}[${index}]`;
      if (keep) keepValue(item, items, at, unknown);
      else pruneValue(item, items, isEmbedded(items), at, unknown);
    }
  } else if (isMap(value)) pruneMap(value, schema, isObject, path, unknown);
}

function pruneMap(
  value: Record<string, unknown>,
  schema: JSONSchemaProps | undefined,
  isObject: boolean,
  path: string,
  unknown: string[],
): void {
  const additional = additionalOf(schema);
  for (const [key, field] of Object.entries(value)) {
    if (isObject && metaFields.includes(key)) continue;
    const at = path ? `${path}.${key}` : key;
    const property = propertyOf(schema, key);
    if (property) pruneValue(field, property, isEmbedded(property), at, unknown);
    else if (schema && takesAdditional(schema)) {
      if (additional || !keepsUnknown(schema))
        pruneValue(field, additional, isEmbedded(additional), at, unknown);
    } else if (!keepsUnknown(schema)) {
      delete value[key];
      unknown.push(at);
    }
  }
}

/** Within what is kept as it is, only what has a schema again is looked at. */
function keepValue(
  value: unknown,
  schema: JSONSchemaProps | undefined,
  path: string,
  unknown: string[],
): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      keepValue(item, itemsOf(schema), `${path}[${index}]`, unknown);
  } else if (isMap(value)) {
    const kept = { ...schema, 'x-kubernetes-preserve-unknown-fields': true };
    pruneMap(value, kept, isEmbedded(schema), path, unknown);
  }
}

const keepsUnknown = (schema: JSONSchemaProps | undefined) =>
  schema?.['x-kubernetes-preserve-unknown-fields'] === true;
const isEmbedded = (schema: JSONSchemaProps | undefined) =>
  schema?.['x-kubernetes-embedded-resource'] === true;
