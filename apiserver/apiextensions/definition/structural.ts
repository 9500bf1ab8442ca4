import { isDeepStrictEqual } from 'node:util';
import type { JSONSchemaProps } from '../../../api/types.ts';
import { forbidden, invalid, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { additionalOf, itemsOf, propertyOf } from '../schema/schema.ts';
import { regularExpression } from '../schema/validate.ts';

type Level = 'root' | 'item' | 'field';

const embedded = 'x-kubernetes-embedded-resource';
const preserve = 'x-kubernetes-preserve-unknown-fields';
const intOrString = 'x-kubernetes-int-or-string';

/**
 * Checks that a schema is structural: every field has a type, and what is in `allOf`, `anyOf`, `oneOf` and `not` only
 * narrows what stands outside of them. Upstream: `pkg/apiserver/schema/validation.go`, `complete.go`.
 */
export function validateStructural(schema: JSONSchemaProps, field: string): FieldError[] {
  return [...invariants(schema, 'root', field), ...completeness(schema, schema, field, field)].sort((a, b) =>
    `${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1,
  );
}

function invariants(schema: JSONSchemaProps | undefined, level: Level, field: string): FieldError[] {
  if (!schema) return [];
  const errors: FieldError[] = [];
  const { type, properties = {} } = schema;
  if (type === 'array' && schema.items === undefined)
    errors.push(required(`${field}.items`, 'must be specified'));
  errors.push(...invariants(itemsOf(schema), 'item', `${field}.items`));
  for (const [name, property] of Object.entries(properties))
    errors.push(...invariants(property, 'field', `${field}.properties[${name}]`));
  if (schema.additionalProperties !== undefined && level === 'root')
    errors.push(forbidden(`${field}.additionalProperties`, 'must not be used at the root'));
  errors.push(...invariants(additionalOf(schema), 'field', `${field}.additionalProperties`));
  for (const other of [preserve, embedded] as const)
    if (schema[intOrString] && schema[other])
      errors.push(invalid(`${field}.${other}`, true, `must be false if ${intOrString} is true`));
  errors.push(...nestedRules(schema, level, field, true));
  errors.push(...typeErrors(schema, level, field));
  if (level === 'root' || schema[embedded]) errors.push(...metaErrors(schema, level, field));
  if (schema[embedded] && !schema[preserve] && Object.keys(properties).length === 0) {
    const text = `must not be empty if ${embedded} is true without ${preserve}`;
    errors.push(required(`${field}.properties`, text));
  }
  return errors;
}

function typeErrors(schema: JSONSchemaProps, level: Level, field: string): FieldError[] {
  const { type } = schema;
  const errors: FieldError[] = [];
  if (schema[embedded] && type !== 'object') {
    const text = `must be object if ${embedded} is true`;
    errors.push(type ? invalid(`${field}.type`, type, text) : required(`${field}.type`, text));
  } else if (!type && !schema[intOrString] && !schema[preserve]) {
    const where = {
      root: 'at the root',
      item: 'for specified array items',
      field: 'for specified object fields',
    };
    errors.push(required(`${field}.type`, `must not be empty ${where[level]}`));
  }
  if (schema[embedded] && schema.additionalProperties !== undefined)
    errors.push(forbidden(`${field}.additionalProperties`, `must not be used if ${embedded} is set`));
  if (level === 'root' && type && type !== 'object')
    errors.push(invalid(`${field}.type`, type, 'must be object at the root'));
  return errors;
}

function metaErrors(schema: JSONSchemaProps, level: Level, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, type] of [
    ['kind', 'string'],
    ['apiVersion', 'string'],
    ['metadata', 'object'],
  ] as const) {
    const property = propertyOf(schema, name);
    if (property && property.type !== type)
      errors.push(invalid(`${field}.properties[${name}].type`, property.type ?? '', `must be ${type}`));
  }
  const metadata = propertyOf(schema, 'metadata');
  if (!metadata || level !== 'root') return errors;
  const { type: _, properties = {}, default: __, ...others } = metadata;
  const named = Object.keys(properties).every((name) => name === 'name' || name === 'generateName');
  const narrowing = ['allOf', 'anyOf', 'oneOf', 'not', 'required', 'maxProperties', 'minProperties'];
  const more = Object.keys(others).filter((name) => !narrowing.includes(name));
  if (!named || more.length > 0) {
    const text =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbidden(`${field}.properties[metadata]`, text));
  }
  return errors;
}

const anyOfPattern = [{ type: 'integer' }, { type: 'string' }];

/** What stands in junctors; `anyOf` integer or string is how those say what they are. */
function nestedRules(
  schema: JSONSchemaProps,
  level: Level,
  field: string,
  mayBeEither: boolean,
): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  const errors: FieldError[] = [];
  const isEither = (list: JSONSchemaProps[] | undefined) =>
    mayBeEither && isDeepStrictEqual(list, anyOfPattern);
  if (!isEither(anyOf))
    for (const [index, one] of anyOf.entries())
      errors.push(...nested(one, level, `${field}.anyOf[${index}]`));
  for (const [index, one] of allOf.entries()) {
    const skip = index === 0 && isEither(one.anyOf);
    errors.push(...nested(skip ? { ...one, anyOf: [] } : one, level, `${field}.allOf[${index}]`));
  }
  for (const [index, one] of oneOf.entries()) errors.push(...nested(one, level, `${field}.oneOf[${index}]`));
  if (not) errors.push(...nested(not, level, `${field}.not`));
  if (pattern && !regularExpression(pattern))
    errors.push(invalid(`${field}.pattern`, pattern, 'must be a valid regular expression'));
  return errors;
}

const mustBe: readonly (readonly [keyof JSONSchemaProps, string])[] = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  [preserve, 'false'],
  [embedded, 'false'],
  [intOrString, 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
];

function nested(schema: JSONSchemaProps, level: Level, field: string): FieldError[] {
  const errors = nestedRules(schema, level, field, false);
  const items = itemsOf(schema);
  if (items) errors.push(...nested(items, level, `${field}.items`));
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    errors.push(...nested(property, 'field', `${field}.properties[${name}]`));
  for (const [name, what] of mustBe) {
    const value = schema[name];
    if (value === undefined || value === '' || value === false) continue;
    errors.push(forbidden(`${field}.${name}`, `must be ${what} to be structural`));
  }
  if (propertyOf(schema, 'metadata'))
    errors.push(forbidden(`${field}.properties[metadata]`, 'must not be specified in a nested context'));
  return errors;
}

/**
 * Everything that the junctors of the root speak of must stand outside of them, too.
 *
 * @param at where the schema stands that is spoken of, `from` where it is spoken of
 */
function completeness(
  inner: JSONSchemaProps,
  outer: JSONSchemaProps,
  at: string,
  from: string,
): FieldError[] {
  return junctorsOf(inner).flatMap(([one, part]) => covered(one, outer, at, `${from}.${part}`));
}

function junctorsOf(schema: JSONSchemaProps): [JSONSchemaProps, string][] {
  const lists = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((name) =>
    (schema[name] ?? []).map((one, index): [JSONSchemaProps, string] => [one, `${name}[${index}]`]),
  );
  return schema.not ? [[schema.not, 'not'], ...lists] : lists;
}

function covered(inner: JSONSchemaProps, outer: JSONSchemaProps, at: string, from: string): FieldError[] {
  const errors = completeness(inner, outer, at, from);
  const parts: [JSONSchemaProps, JSONSchemaProps | undefined, string][] = Object.entries(
    inner.properties ?? {},
  ).map(([name, property]) => [property, propertyOf(outer, name), `properties[${name}]`]);
  const items = itemsOf(inner);
  if (items) parts.push([items, itemsOf(outer), 'items']);
  for (const [part, own, name] of parts) {
    const [outside, inside] = [`${at}.${name}`, `${from}.${name}`];
    if (own) errors.push(...covered(part, own, outside, inside));
    else errors.push(required(outside, `because it is defined in ${inside}`));
  }
  return errors;
}
