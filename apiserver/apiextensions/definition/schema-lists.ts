import type { JSONSchemaProps } from '../../../api/types.ts';
import { forbidden, invalid, notSupported, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { itemsOf, propertyOf } from '../schema/schema.ts';

const listType = 'x-kubernetes-list-type';
const mapKeys = 'x-kubernetes-list-map-keys';

/** The rules of lists that are sets or maps. Upstream: `ValidateCustomResourceDefinitionOpenAPISchema`. */
export function validateListType(schema: JSONSchemaProps, field: string): FieldError[] {
  const type = schema[listType];
  const keys = schema[mapKeys] ?? [];
  const errors: FieldError[] = [];
  if (type !== undefined && schema.type !== 'array') {
    const text = 'must be array if x-kubernetes-list-type is specified';
    if (!schema.type) errors.push(required(`${field}.type`, text));
    else errors.push(invalid(`${field}.type`, schema.type, text));
  } else if (type === 'set') errors.push(...validateSetItems(itemsOf(schema), `${field}.items`));
  if (type !== undefined && !['atomic', 'set', 'map'].includes(type))
    errors.push(notSupported(`${field}.${listType}`, type, ['atomic', 'set', 'map']));
  if (keys.length > 0 && type !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty';
    if (type === undefined) errors.push(required(`${field}.${listType}`, text));
    else errors.push(invalid(`${field}.${listType}`, type, text));
  }
  if (type === 'map') errors.push(...validateMapList(schema, keys, field));
  if (type === 'set' || type === 'map') errors.push(...validateNullability(schema, type, keys, field));
  return errors;
}

function validateSetItems(items: JSONSchemaProps | undefined, field: string): FieldError[] {
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const inner = items?.[listType];
  if (items?.type === 'array' && inner !== undefined && inner !== 'atomic')
    return [invalid(`${field}.${listType}`, inner, text)];
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    return [invalid(`${field}.x-kubernetes-map-type`, items['x-kubernetes-map-type'], text)];
  return [];
}

function validateMapList(schema: JSONSchemaProps, keys: readonly string[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const items = itemsOf(schema);
  if (keys.length === 0)
    errors.push(required(`${field}.${mapKeys}`, 'must not be empty if x-kubernetes-list-type is map'));
  if (schema.items === undefined)
    errors.push(required(`${field}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  else if (!items)
    errors.push(
      invalid(
        `${field}.items`,
        schema.items,
        'must only have a single schema if x-kubernetes-list-type is map',
      ),
    );
  else if (items.type !== 'object')
    errors.push(
      invalid(
        `${field}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  else {
    for (const [index, key] of keys.entries()) {
      const property = propertyOf(items, key);
      if (!property)
        errors.push(invalid(`${field}.${mapKeys}`, keys, 'entries must all be names of item properties'));
      else if (property.type === 'array' || property.type === 'object') {
        const text = "must be a scalar type if parent array's x-kubernetes-list-type is map";
        errors.push(invalid(`${field}.items.properties[${key}].type`, items.type, text));
      }
      if (keys.indexOf(key) < index)
        errors.push(invalid(`${field}.${mapKeys}`, keys, 'must not contain duplicate entries'));
    }
  }
  return errors;
}

/** Upstream: `validateMapListKeysMapSet`. */
function validateNullability(
  schema: JSONSchemaProps,
  type: string,
  keys: readonly string[],
  field: string,
): FieldError[] {
  const items = itemsOf(schema);
  if (!items) return [];
  const errors: FieldError[] = [];
  if (items.nullable)
    errors.push(
      forbidden(`${field}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${type}`),
    );
  if (type === 'set') return errors;
  for (const key of keys) {
    const property = propertyOf(items, key);
    if (!property) continue;
    const at = `${field}.items.properties[${key}]`;
    const being = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!items.required?.includes(key) && property.default === undefined)
      errors.push(required(`${at}.default`, `${being} must have a default or be a required property`));
    if (property.nullable) errors.push(forbidden(`${at}.nullable`, `${being} cannot be nullable`));
  }
  return errors;
}
