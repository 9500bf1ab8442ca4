import { additionalOf, isMap, itemsOf, type JSONSchemaProps, propertyOf } from './schema.ts';

/**
 * Fills in the defaults of a structural schema, in place, also for nulls that may not be.
 * Upstream: `pkg/apiserver/schema/defaulting/algorithm.go`.
 */
export function setDefaults(value: unknown, schema: JSONSchemaProps | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const [index, item] of value.entries()) {
      if (item === null && items && !items.nullable && items.default !== undefined)
        value[index] = structuredClone(items.default);
      setDefaults(value[index], items);
    }
    return;
  }
  if (!isMap(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const isAbsent = !Object.hasOwn(value, key) || value[key] === undefined;
    if (isAbsent || (value[key] === null && !property.nullable))
      value[key] = structuredClone(property.default);
  }
  const additional = additionalOf(schema);
  for (const [key, field] of Object.entries(value)) {
    const property = propertyOf(schema, key) ?? additional;
    if (
      field === null &&
      property === additional &&
      additional?.default !== undefined &&
      !additional.nullable
    )
      value[key] = structuredClone(additional.default);
    setDefaults(value[key], property);
  }
}

/**
 * Removes nulls of fields that are not nullable and have no default, in place.
 * Upstream: `PruneNonNullableNullsWithoutDefaults`.
 */
export function dropNulls(value: unknown, schema: JSONSchemaProps | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, itemsOf(schema));
    return;
  }
  if (!isMap(value)) return;
  for (const [key, field] of Object.entries(value)) {
    const property = propertyOf(schema, key) ?? additionalOf(schema);
    if (field === null && property && !property.nullable && property.default === undefined) delete value[key];
    else dropNulls(field, property);
  }
}
