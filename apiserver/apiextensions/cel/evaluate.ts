import { isDeepStrictEqual } from 'node:util';
import type { JSONSchemaProps, ValidationRule } from '../../../api/types.ts';
import { forbidden, invalid, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { fieldBefore, itemBefore } from '../schema/correlate.ts';
import { additionalOf, isMap, itemsOf, propertyOf } from '../schema/schema.ts';
import { compile, goWords, optional, type Program } from './library.ts';
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
      errors.push(...evaluateRules(item, itemBefore(item, old, schema)?.value, items, `${path}[${index}]`));
  } else if (isMap(value)) {
    for (const [key, field] of Object.entries(value)) {
      const property = propertyOf(schema, key);
      const at = property ? (path ? `${path}.${key}` : key) : `${path}[${key}]`;
      const before = fieldBefore(key, old);
      errors.push(...evaluateRules(field, before?.value, property ?? additionalOf(schema), at));
    }
  }
  return errors;
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
  const compiled = compile(rule, optionalOldSelf);
  if ('problem' in compiled) return [invalid(field, type, `rule compile error: ${compiled.problem}`)];
  const variables: Record<string, unknown> = { self: celValue(value, schema) };
  const before = old === undefined ? undefined : celValue(old, schema);
  if (optionalOldSelf) variables.oldSelf = optional(before);
  else if (old !== undefined) variables.oldSelf = before;
  // What is as it was may stay as it was, but for rules of how it may change.
  const ratchets = () => !isTransition && old !== undefined && isDeepStrictEqual(value, old);
  try {
    if (run(compiled.program, variables) === true) return [];
  } catch (error) {
    if (ratchets()) return [];
    return [invalid(field, type, `${goWords(error)} evaluating rule: ${message || rule}`)];
  }
  if (ratchets()) return [];
  const text = explained(messageExpression, optionalOldSelf, variables) ?? message ?? `failed rule: ${rule}`;
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
function explained(
  expression: string | undefined,
  optionalOldSelf: boolean | undefined,
  variables: Record<string, unknown>,
): string | undefined {
  if (!expression) return undefined;
  const compiled = compile(expression, optionalOldSelf);
  if ('problem' in compiled) return undefined;
  try {
    const text = run(compiled.program, variables);
    return typeof text === 'string' && text.trim() ? text : undefined;
  } catch {
    // Upstream does the same: what a message expression fails of is no reason to say nothing of the rule.
    return undefined;
  }
}
