import type { JSONSchemaProps } from '../../../api/types.ts';
import { forbidden, invalid, notSupported, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { additionalOf, itemsOf, metaFields } from '../schema/schema.ts';
import { validateListType } from './schema-lists.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Where in an object a schema stands. */
interface Place {
  isRoot: boolean;
  /** Within the type or metadata of an object. */
  insideMeta: boolean;
  /** Why there may be no default; absent: there may. */
  noDefaults?: string;
}

/** Upstream: `ValidateCustomResourceDefinitionOpenAPISchema`, `specStandardValidatorV3`. */
export function validateOpenApiSchema(
  schema: JSONSchemaProps | undefined,
  field: string,
  place: Place = { isRoot: true, insideMeta: false },
): FieldError[] {
  if (!schema) return [];
  const inner = { ...place, isRoot: false };
  const below = (one: JSONSchemaProps | undefined, at: string, where: Place = inner) =>
    validateOpenApiSchema(one, `${field}.${at}`, where);
  const errors = [...unsupported(schema, field, place), ...extensions(schema, field)];
  const additional = additionalOf(schema);
  if (schema.additionalProperties !== undefined) {
    const contradicts = schema.additionalProperties === false || additional;
    if (Object.keys(schema.properties ?? {}).length > 0 && contradicts) {
      const text = 'additionalProperties and properties are mutual exclusive';
      errors.push(forbidden(`${field}.additionalProperties`, text));
    }
    const noDefaults = 'inside additionalProperties applying to object metadata';
    errors.push(
      ...below(additional, 'additionalProperties', place.insideMeta ? { ...inner, noDefaults } : inner),
    );
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isObject = place.isRoot || schema['x-kubernetes-embedded-resource'] === true;
    const isMeta = isObject && metaFields.includes(name);
    const noDefaults = isMeta && place.isRoot ? `in top-level ${name}` : place.noDefaults;
    errors.push(
      ...below(property, `properties[${name}]`, {
        isRoot: false,
        insideMeta: isMeta || place.insideMeta,
        ...(noDefaults ? { noDefaults } : {}),
      }),
    );
  }
  errors.push(...below(schema.not, 'not'));
  for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const)
    for (const [index, one] of (schema[junctor] ?? []).entries())
      errors.push(...below(one, `${junctor}[${index}]`));
  errors.push(...below(itemsOf(schema), 'items'));
  return [...errors, ...validateListType(schema, field)];
}

function unsupported(
  schema: JSONSchemaProps,
  field: string,
  { noDefaults, insideMeta }: Place,
): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (name: string, text: string) => errors.push(forbidden(`${field}.${name}`, text));
  const { type } = schema;
  if (type && !types.includes(type)) errors.push(notSupported(`${field}.type`, type, types));
  if (schema.default !== undefined && noDefaults) refuse('default', `must not be set ${noDefaults}`);
  if (schema.id) refuse('id', 'id is not supported');
  for (const name of ['additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const)
    if (schema[name] !== undefined) refuse(name, `${name} is not supported`);
  if (type === 'null') refuse('type', 'type cannot be set to null, use nullable as an alternative');
  if (Array.isArray(schema.items)) refuse('items', 'items must be a schema object and not an array');
  if (insideMeta && schema['x-kubernetes-embedded-resource'])
    refuse('x-kubernetes-embedded-resource', 'must not be used inside of resource meta');
  if (schema.uniqueItems)
    refuse('uniqueItems', 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
  return errors;
}

function extensions(schema: JSONSchemaProps, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const preserve = 'x-kubernetes-preserve-unknown-fields';
  if (schema[preserve] === false)
    errors.push(invalid(`${field}.${preserve}`, false, 'must be true or undefined'));
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    const text = 'must be object if x-kubernetes-map-type is specified';
    if (!schema.type) errors.push(required(`${field}.type`, text));
    else if (schema.type !== 'object') errors.push(invalid(`${field}.type`, schema.type, text));
    if (mapType !== 'atomic' && mapType !== 'granular')
      errors.push(notSupported(`${field}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
  return errors;
}
