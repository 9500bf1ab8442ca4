import type { JSONSchemaProps } from '../../../api/types.ts';
import { invalid } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { validateListTypes } from '../schema/list-types.ts';
import { prune } from '../schema/prune.ts';
import { itemsOf } from '../schema/schema.ts';
import { validateValue } from '../schema/validate.ts';

/** Defaults must be what the schema allows. Upstream: `pkg/apiserver/schema/defaulting/validation.go`. */
export function validateDefaults(schema: JSONSchemaProps | undefined, field: string): FieldError[] {
  if (!schema) return [];
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    const at = `${field}.default`;
    const pruned = structuredClone(schema.default);
    if (prune(pruned, schema, schema['x-kubernetes-embedded-resource'] ?? false).length > 0)
      errors.push(invalid(at, schema.default, 'must not have unknown fields'));
    for (const error of [
      ...validateValue(schema.default, schema),
      ...validateListTypes(schema.default, schema),
    ])
      errors.push({
        ...error,
        field: error.field === '<nil>' ? at : `${at}.${error.field}`,
        message: error.message.replace(':  in body', ': in body'),
      });
  }
  errors.push(...validateDefaults(itemsOf(schema), `${field}.items`));
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    errors.push(...validateDefaults(property, `${field}.properties[${name}]`));
  return errors;
}
