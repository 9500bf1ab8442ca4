import { additionalOf, isMap, itemsOf, type JSONSchemaProps, propertyOf } from '../schema/schema.ts';

const reserved = [
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if'],
  ...['import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
];

/**
 * A value as rules see it: integers of CEL where the schema has them, names that CEL can say. Upstream:
 * `apiserver/pkg/cel/common/values.go`, `escaping.go`.
 */
export function celValue(value: unknown, schema: JSONSchemaProps | undefined): unknown {
  if (typeof value === 'number') {
    const whole = Number.isInteger(value) && schema?.type !== 'number';
    return whole ? BigInt(value) : value;
  }
  if (typeof value === 'string') {
    const isTime = schema?.format === 'date-time' || schema?.format === 'date';
    return isTime && !Number.isNaN(Date.parse(value)) ? new Date(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => celValue(item, itemsOf(schema)));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const property = propertyOf(schema, key);
      return property
        ? [escaped(key), celValue(field, property)]
        : [key, celValue(field, additionalOf(schema))];
    }),
  );
}

function escaped(name: string): string {
  if (reserved.includes(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
