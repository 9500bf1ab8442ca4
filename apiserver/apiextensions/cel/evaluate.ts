import { isDeepStrictEqual } from 'node:util';
import type { JSONSchemaProps, ValidationRule } from '../../../api/types.ts';
import { forbidden, invalid, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { additionalOf, isMap, itemsOf, propertyOf } from '../schema/schema.ts';
import { compile, firstLine, type Program } from './library.ts';
import { celValue } from './values.ts';

/**
 * Applies `x-kubernetes-validations` (KEP-2876) to a value that its schema allows. Rules that speak of `oldSelf` hold
 * for what was there before. Upstream: `pkg/apiserver/schema/cel/validation.go`.
 *
 * @param old the value before, where there was one that is known to be the same
 */
export function evaluateRules(
  value: unknown,
  old: unknown,
  schema: JSONSchemaProps | undefined,
  path = '',
): FieldError[] {
  if (!schema || value === null || value === undefined) return [];
  const errors = (schema['x-kubernetes-validations'] ?? []).flatMap((rule) =>
    evaluateRule(rule, value, old, schema, path),
  );
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const [index, item] of value.entries())
      errors.push(...evaluateRules(item, counterpart(item, old, schema), items, `${path}[${index}]`));
  } else if (isMap(value)) {
    for (const [key, field] of Object.entries(value)) {
      const property = propertyOf(schema, key);
      const at = property ? (path ? `${path}.${key}` : key) : `${path}[${key}]`;
      const before = isMap(old) && Object.hasOwn(old, key) ? old[key] : undefined;
      errors.push(...evaluateRules(field, before, property ?? additionalOf(schema), at));
    }
  }
  return errors;
}

/** The item of the same keys in a list that is a map; others cannot be told apart. */
function counterpart(item: unknown, old: unknown, schema: JSONSchemaProps): unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old) || !isMap(item)) return undefined;
  return old.find((one) => isMap(one) && keys.every((key) => isDeepStrictEqual(one[key], item[key])));
}

function evaluateRule(
  { rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule,
  value: unknown,
  old: unknown,
  schema: JSONSchemaProps,
  path: string,
): FieldError[] {
  const isTransition = /\boldSelf\b/.test(rule);
  if (isTransition && old === undefined && !optionalOldSelf) return [];
  const field = `${path}${fieldPath ?? ''}`.replace(/^\./, '') || '<nil>';
  const type = schema.type ?? '';
  const compiled = compile(rule);
  if ('problem' in compiled) return [invalid(field, type, `rule compile error: ${compiled.problem}`)];
  const variables: Record<string, unknown> = { self: celValue(value, schema) };
  if (old !== undefined) variables.oldSelf = celValue(old, schema);
  try {
    if (run(compiled.program, variables) === true) return [];
  } catch (error) {
    return [invalid(field, type, `${firstLine(error)} evaluating rule: ${message || rule}`)];
  }
  const text = explained(messageExpression, variables) ?? message ?? `failed rule: ${rule}`;
  switch (reason) {
    case 'FieldValueForbidden':
      return [forbidden(field, text)];
    case 'FieldValueRequired':
      return [required(field, text)];
    case 'FieldValueDuplicate':
      return [{ ...invalid(field, type, text), reason }];
    default:
      return [invalid(field, type, text)];
  }
}

const run = (program: Program, variables: Record<string, unknown>) => program(variables);

/** Undefined where the expression fails or says nothing, so that the plain message is used. */
function explained(expression: string | undefined, variables: Record<string, unknown>): string | undefined {
  if (!expression) return undefined;
  const compiled = compile(expression);
  if ('problem' in compiled) return undefined;
  try {
    const text = run(compiled.program, variables);
    return typeof text === 'string' && text.trim() ? text : undefined;
  } catch {
    // Upstream does the same: what a message expression fails of is no reason to say nothing of the rule.
    return undefined;
  }
}
