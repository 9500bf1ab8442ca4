import type { Resource } from '../../api/scheme.ts';
import type { JSONSchemaProps } from '../../api/types.ts';
import { schemaName } from './names.ts';
import { type Dialect, groupVersionKind, listSchema, refer, type Schema } from './schemas.ts';

/** The schemas of custom kinds and of their lists. Upstream: apiextensions-apiserver `pkg/controller/openapi/builder`. */
export function customSchemas(
  resources: readonly Resource[],
  schemaOf: (resource: Resource) => JSONSchemaProps | undefined,
  dialect: Dialect,
): Record<string, Schema> {
  const schemas: Record<string, Schema> = {};
  for (const resource of resources) {
    if (!resource.stored) continue;
    const schema = translate(schemaOf(resource) ?? {}, dialect);
    const properties = typeof schema.properties === 'object' ? { ...schema.properties } : undefined;
    const anything = schema['x-kubernetes-preserve-unknown-fields'] === true;
    const hasFields = properties !== undefined || !anything;
    // Of a kind whose objects may hold anything, clients of version 2 are told nothing: they would refuse what is not named.
    schemas[resource.type] = {
      ...(dialect === 2 && anything ? {} : schema),
      type: 'object',
      ...(hasFields ? { properties: { ...properties, ...ownFields(dialect) } } : {}),
      'x-kubernetes-group-version-kind': [groupVersionKind(resource)],
    };
    schemas[`${resource.type}List`] = listSchema(resource, dialect);
  }
  return schemas;
}

const conventions = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';

const ownFields = (dialect: Dialect): Record<string, Schema> => ({
  apiVersion: {
    type: 'string',
    description: `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: ${conventions}#resources`,
  },
  kind: {
    type: 'string',
    description: `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ${conventions}#types-kinds`,
  },
  metadata: {
    description: `Standard object's metadata. More info: ${conventions}#metadata`,
    ...refer(schemaName('ObjectMeta'), dialect),
  },
});

/** In version 2 for clients that check objects by it, and know less: what they would misread is left out. */
function translate(schema: JSONSchemaProps, dialect: Dialect): Schema {
  const { properties, items, additionalProperties, ...rest } = schema;
  const inner = (one: unknown) => (typeof one === 'object' && one !== null ? translate(one, dialect) : one);
  const shown: Schema = { ...rest };
  if (dialect === 2) {
    for (const name of ['anyOf', 'oneOf', 'allOf', 'not', 'nullable'] as const) delete shown[name];
    const either = schema['x-kubernetes-int-or-string'];
    // kubectl refuses a null, and fields that it does not know, in whatever has a type.
    const vague = schema.nullable || schema['x-kubernetes-preserve-unknown-fields'];
    if (either || schema.nullable || (vague && /^(object|array)$/.test(schema.type ?? ''))) delete shown.type;
    if (either || vague) return shown;
    if (schema.required) {
      const wanted = schema.required.filter((name) => !properties?.[name]?.nullable);
      if (wanted.length > 0) shown.required = wanted;
      else delete shown.required;
    }
  }
  if (properties) {
    shown.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, translate(property, dialect)]),
    );
  }
  if (items !== undefined) shown.items = inner(items);
  if (additionalProperties !== undefined) shown.additionalProperties = inner(additionalProperties);
  return shown;
}
