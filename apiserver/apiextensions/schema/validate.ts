import { isDeepStrictEqual } from 'node:util';
import { invalid, notSupported, required, tooMany } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { type Before, fieldBefore, itemBefore } from './correlate.ts';
import { hasFormat } from './formats.ts';
import { additionalOf, isMap, itemsOf, type JSONSchemaProps, propertyOf } from './schema.ts';

/**
 * Checks a value against an OpenAPI schema, in upstream's words. Upstream: kube-openapi `pkg/validation/validate`,
 * whose findings `pkg/apiserver/validation/validation.go` turns into field errors.
 *
 * @param path of the value, empty for a whole object: `spec.replicas`
 * @param before what stood there: nothing is said of what is as it was (KEP-4008)
 */
export function validateValue(
  value: unknown,
  schema: JSONSchemaProps,
  path = '',
  before?: Before,
): FieldError[] {
  if (before && isDeepStrictEqual(value, before.value)) return [];
  return [
    ...checkType(value, schema, path),
    ...checkJunctors(value, schema, path),
    ...(typeof value === 'string' ? checkText(value, schema, path) : []),
    ...(typeof value === 'number' ? checkNumber(value, schema, path) : []),
    ...(Array.isArray(value) ? checkList(value, schema, path, before) : []),
    ...checkEnum(value, schema, path),
    ...(isMap(value) ? checkMap(value, schema, path, before) : []),
  ];
}

const at = (path: string) => path || '<nil>';

/** The value, then what Go's library says of it: `Invalid value: 0: spec.replicas in body should be …`. */
function wrong(path: string, value: unknown, text: string): FieldError {
  return invalid(at(path), value, `${path} in body ${text}`);
}

function wrongType(path: string, got: unknown, want: string): FieldError {
  const error = wrong(path, got, `must be of type ${want}: ${JSON.stringify(got)}`);
  return { ...error, reason: 'FieldValueTypeInvalid' };
}

/** JSON's name of a value's type, as Go sees it. */
function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkType(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const types = schema['x-kubernetes-int-or-string']
    ? ['integer', 'string']
    : schema.type
      ? [schema.type]
      : [];
  if (types.length === 0) return [];
  const type = typeOf(value);
  if (type === 'null') return schema.nullable ? [] : [wrongType(path, 'null', types.join(','))];
  if (types.includes(type) || (type === 'integer' && types.includes('number'))) return [];
  return [wrongType(path, type, types.join(','))];
}

function checkText(value: string, schema: JSONSchemaProps, path: string): FieldError[] {
  const { minLength, maxLength, pattern, format } = schema;
  const errors: FieldError[] = [];
  const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length;
  if (maxLength !== undefined && length > maxLength) {
    const message = `Too long: may not be more than ${maxLength} bytes`;
    errors.push({ reason: 'FieldValueTooLong', field: at(path), message });
  }
  if (minLength !== undefined && length < minLength)
    errors.push(wrong(path, value, `should be at least ${minLength} chars long`));
  if (pattern && !regularExpression(pattern)?.test(value))
    errors.push(wrong(path, value, `should match '${pattern}'`));
  if (format && !hasFormat(value, format)) errors.push(wrongType(path, value, format));
  return errors;
}

const expressions = new Map<string, RegExp | undefined>();

/** Go's syntax where JavaScript has another: inline flags and POSIX classes. Undefined for what is no expression. */
export function regularExpression(pattern: string): RegExp | undefined {
  if (expressions.has(pattern)) return expressions.get(pattern);
  const [, letters = '', rest = pattern] = /^\(\?([imsU]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  const source = rest
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\(\?P</g, '(?<')
    .replace(/\[:(\w+):\]/g, (whole, name: string) => classes[name] ?? whole);
  let made: RegExp | undefined;
  for (const flags of ['u', '']) {
    try {
      made = new RegExp(source, flags + letters.replace('U', ''));
      break;
    } catch {
      // With `u` JavaScript is stricter than Go about what may be escaped: the other way is tried next, and what
      // neither takes is no expression, which the caller says.
    }
  }
  expressions.set(pattern, made);
  return made;
}

const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  space: '\\s',
  xdigit: '0-9A-Fa-f',
  word: '\\w',
};

function checkNumber(value: number, schema: JSONSchemaProps, path: string): FieldError[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const errors: FieldError[] = [];
  if (multipleOf !== undefined) {
    const times = value / multipleOf;
    if (Math.abs(times - Math.round(times)) > 1e-9)
      errors.push(wrong(path, value, `should be a multiple of ${multipleOf}`));
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    errors.push(
      wrong(path, value, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`),
    );
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    errors.push(
      wrong(path, value, `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`),
    );
  return errors;
}

function checkList(
  value: readonly unknown[],
  schema: JSONSchemaProps,
  path: string,
  before: Before | undefined,
): FieldError[] {
  const { minItems, maxItems, uniqueItems } = schema;
  const items = itemsOf(schema);
  const errors = items
    ? value.flatMap((item, index) =>
        validateValue(item, items, `${path}[${index}]`, itemBefore(item, before?.value, schema)),
      )
    : [];
  if (minItems !== undefined && value.length < minItems)
    errors.push(wrong(path, value.length, `should have at least ${minItems} items`));
  if (maxItems !== undefined && value.length > maxItems)
    errors.push(tooMany(at(path), value.length, maxItems));
  if (
    uniqueItems &&
    value.some((item, index) => value.slice(0, index).some((one) => isDeepStrictEqual(one, item)))
  )
    errors.push(wrong(path, value, "shouldn't contain duplicates"));
  return errors;
}

function checkEnum(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const allowed = schema.enum;
  if (!allowed?.length || (value === null && schema.nullable)) return [];
  if (allowed.some((one) => isDeepStrictEqual(one, value))) return [];
  const texts = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return [notSupported(at(path), value, texts)];
}

function checkMap(
  value: Record<string, unknown>,
  schema: JSONSchemaProps,
  path: string,
  before: Before | undefined,
): FieldError[] {
  const { minProperties, maxProperties, additionalProperties } = schema;
  const keys = Object.keys(value);
  if (minProperties !== undefined && keys.length < minProperties)
    return [wrong(path, keys.length, `should have at least ${minProperties} properties`)];
  if (maxProperties !== undefined && keys.length > maxProperties)
    return [tooMany(at(path), keys.length, maxProperties)];
  const below = (key: string) => (path ? `${path}.${key}` : key);
  const errors: FieldError[] = [];
  const additional = additionalOf(schema);
  for (const key of keys) {
    const property = propertyOf(schema, key);
    const old = fieldBefore(key, before?.value);
    if (property) errors.push(...validateValue(value[key], property, below(key), old));
    else if (additional) errors.push(...validateValue(value[key], additional, below(key), old));
    else if (additionalProperties === false)
      errors.push(invalid(at(path), '', `${path}.${key} in body is a forbidden property`));
  }
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) errors.push(required(below(key)));
  return errors;
}

/** These are said of the object as a whole, with the path in the text. */
function checkJunctors(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const errors: FieldError[] = [];
  const say = (text: string) => errors.push(invalid('<nil>', '', `${JSON.stringify(path)} ${text}`));
  const outcomes = (all: readonly JSONSchemaProps[]) => all.map((one) => validateValue(value, one, path));
  const fewest = (failed: FieldError[][]) => failed.toSorted((a, b) => a.length - b.length)[0] ?? [];
  const valid = (failed: FieldError[][]) => failed.filter(({ length }) => length === 0).length;
  if (anyOf.length > 0) {
    const results = outcomes(anyOf);
    if (valid(results) === 0) {
      say('must validate at least one schema (anyOf)');
      errors.push(...fewest(results));
    }
  }
  if (oneOf.length > 0) {
    const results = outcomes(oneOf);
    const count = valid(results);
    if (count !== 1) {
      const found = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
      say(`must validate one and only one schema (oneOf). ${found}`);
      if (count === 0) errors.push(...fewest(results));
    }
  }
  if (allOf.length > 0) {
    const results = outcomes(allOf);
    errors.push(...results.flat());
    if (valid(results) < allOf.length)
      say(`must validate all the schemas (allOf)${valid(results) === 0 ? '. None validated' : ''}`);
  }
  if (not && validateValue(value, not, path).length === 0) say('must not validate the schema (not)');
  return errors;
}
