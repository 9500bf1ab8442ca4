import type { JSONSchemaProps, ValidationRule } from '../../../api/types.ts';
import { invalid, notSupported, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { additionalOf, itemsOf } from '../schema/schema.ts';
import { compile } from './library.ts';

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** Checks the rules of a schema themselves. A function that is not known here is refused, never passed over. */
export function checkRules(schema: JSONSchemaProps | undefined, field: string): FieldError[] {
  if (!schema) return [];
  const rules = schema['x-kubernetes-validations'] ?? [];
  return [
    ...rules.flatMap((rule, index) => checkRule(rule, `${field}.x-kubernetes-validations[${index}]`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      checkRules(property, `${field}.properties[${name}]`),
    ),
    ...checkRules(itemsOf(schema), `${field}.items`),
    ...checkRules(additionalOf(schema), `${field}.additionalProperties`),
  ];
}

function checkRule(
  { rule, message, messageExpression, reason, optionalOldSelf }: ValidationRule,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule?.trim()) return [required(`${field}.rule`, 'rule is not specified')];
  errors.push(...checkExpression(rule, 'bool', `${field}.rule`, optionalOldSelf));
  if (message !== undefined && message.trim() === '')
    errors.push(invalid(`${field}.message`, message, 'message must be non-empty if specified'));
  else if (message?.includes('\n'))
    errors.push(invalid(`${field}.message`, message, 'message must not contain line breaks'));
  else if (!message && rule.includes('\n'))
    errors.push(required(`${field}.message`, 'message must be specified if rule contains line breaks'));
  if (messageExpression !== undefined)
    errors.push(
      ...checkExpression(messageExpression, 'string', `${field}.messageExpression`, optionalOldSelf),
    );
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(notSupported(`${field}.reason`, reason, reasons));
  return errors;
}

function checkExpression(
  expression: string,
  wanted: string,
  field: string,
  optionalOldSelf: boolean | undefined,
): FieldError[] {
  const compiled = compile(expression, optionalOldSelf);
  if ('problem' in compiled) return [invalid(field, expression, `compilation failed: ${compiled.problem}`)];
  if (compiled.type === wanted || compiled.type === 'dyn') return [];
  return [invalid(field, expression, `cel expression must evaluate to a ${wanted}`)];
}
