import type { JSONSchemaProps } from '../../../api/types.ts';

export type { JSONSchemaProps };

export type JsonMap = Record<string, unknown>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema of a list's items, where it has one. */
export function itemsOf(schema: JSONSchemaProps | undefined): JSONSchemaProps | undefined {
  return isMap(schema?.items) ? schema.items : undefined;
}

/** The schema of a map's values, where it has one. */
export function additionalOf(schema: JSONSchemaProps | undefined): JSONSchemaProps | undefined {
  return isMap(schema?.additionalProperties) ? schema.additionalProperties : undefined;
}

/** Whether fields that have no schema of their own are allowed and kept: `additionalProperties: true`, or a schema. */
export function takesAdditional(schema: JSONSchemaProps): boolean {
  return schema.additionalProperties !== undefined && schema.additionalProperties !== false;
}

/** The schema of one field of an object. */
export function propertyOf(schema: JSONSchemaProps | undefined, name: string): JSONSchemaProps | undefined {
  const { properties } = schema ?? {};
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Fields of every object, which its schema need not name. */
export const metaFields: readonly string[] = ['apiVersion', 'kind', 'metadata'];

/** Calls `visit` with a schema and all that it is made of, until one answers true; tells whether one did. */
export function someSchema(
  schema: JSONSchemaProps | undefined,
  visit: (schema: JSONSchemaProps) => boolean,
): boolean {
  if (!schema) return false;
  if (visit(schema)) return true;
  const inner = [
    itemsOf(schema),
    additionalOf(schema),
    schema.not,
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...Object.values(schema.properties ?? {}),
  ];
  return inner.some((one) => someSchema(one, visit));
}
