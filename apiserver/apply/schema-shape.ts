import { additionalOf, isMap, itemsOf, type JSONSchemaProps } from '../apiextensions/schema/schema.ts';
import { atomicList, type ListShape, type Shape, type StructShape, shapeOf, untyped } from './shape.ts';

/**
 * The shape of a custom kind: lists are owned item by item where `x-kubernetes-list-type` says `map` or `set`, objects
 * whole where `x-kubernetes-map-type` says `atomic`. Upstream: kube-openapi `pkg/schemaconv/openapi.go`.
 *
 * @param schema of one version
 */
export function shapeOfSchema(schema: JSONSchemaProps): Shape {
  let shape = roots.get(schema);
  if (!shape) {
    const keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
    shape = objectShape(schema, { ...schema.properties, ...objectFields }, keeps);
    roots.set(schema, shape);
  }
  return shape;
}

const roots = new WeakMap<JSONSchemaProps, Shape>();

/** Stands for ObjectMeta, whatever a definition says of it. */
const metadata: JSONSchemaProps = { type: 'object' };

/** Fields of every object, and of those within others (`x-kubernetes-embedded-resource`). */
const objectFields: Readonly<Record<string, JSONSchemaProps>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata,
};

/** The shape of each schema below one that keeps fields it does not know, and of each that is not. */
const [strict, lax] = [new WeakMap<JSONSchemaProps, Shape>(), new WeakMap<JSONSchemaProps, Shape>()];

function innerShape(schema: JSONSchemaProps, keeps: boolean): Shape {
  const made = (keeps ? lax : strict).get(schema);
  if (made) return made;
  const shape = createShape(schema, keeps || schema['x-kubernetes-preserve-unknown-fields'] === true);
  (keeps ? lax : strict).set(schema, shape);
  return shape;
}

function createShape(schema: JSONSchemaProps, keeps: boolean): Shape {
  switch (schema.type) {
    case 'object':
      return objectShape(schema, fieldsOf(schema), keeps);
    case 'array':
      return listShape(schema, keeps);
    case 'integer':
    case 'number':
      return { form: 'scalar', type: 'number' };
    case 'boolean':
      return { form: 'scalar', type: 'boolean' };
    case 'string':
      return { form: 'scalar', type: !schema.format || schema.format === 'byte' ? 'string' : 'any' };
    default: {
      const isKnown = schema.properties !== undefined || schema['x-kubernetes-map-type'] !== undefined;
      return isKnown ? { form: 'untyped', map: objectShape(schema, fieldsOf(schema), keeps) } : untyped;
    }
  }
}

function objectShape(
  schema: JSONSchemaProps,
  fields: Readonly<Record<string, JSONSchemaProps>>,
  keeps: boolean,
): StructShape {
  const rest = restOf(schema, fields, keeps);
  return {
    form: 'struct',
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    field(name) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      return field === metadata ? shapeOf('ObjectMeta') : field && innerShape(field, keeps);
    },
    ...(rest ? { rest } : {}),
    // No Go type encodes it.
    always: [],
  };
}

function fieldsOf(schema: JSONSchemaProps): Readonly<Record<string, JSONSchemaProps>> {
  const { properties = {} } = schema;
  return schema['x-kubernetes-embedded-resource'] ? { ...properties, ...objectFields } : properties;
}

function restOf(schema: JSONSchemaProps, fields: object, keeps: boolean): Shape | undefined {
  const additional = additionalOf(schema);
  if (additional) return innerShape(additional, keeps);
  if (schema.additionalProperties !== undefined) return schema.additionalProperties ? untyped : undefined;
  return keeps || Object.keys(fields).length === 0 ? untyped : undefined;
}

function listShape(schema: JSONSchemaProps, keeps: boolean): ListShape {
  const items = itemsOf(schema);
  const shape = atomicList(items ? innerShape(items, keeps) : untyped);
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return { ...shape, relation: 'set' };
    case 'map':
      return { ...shape, relation: 'map', keys, keyDefaults: defaultsOf(items, keys) };
  }
  return shape;
}

function defaultsOf(items: JSONSchemaProps | undefined, keys: readonly string[]): Record<string, unknown> {
  const properties = isMap(items?.properties) ? items.properties : {};
  const defaults = keys.map((key): [string, unknown] => [key, properties[key]?.default]);
  return Object.fromEntries(defaults.filter(([, value]) => value !== undefined));
}
