import { resources } from '../../../api/scheme.ts';
import type { ConfigMap } from '../../../api/types.ts';
import { configMapColumns } from '../../table/columns/others.ts';
import type { FieldError, Strategy } from '../strategy.ts';
import { forbidden, invalid, invalidEach, tooLong } from './validation/field.ts';
import { configKey } from './validation/names.ts';
import { isSameValue } from './validation/same.ts';

/** Bytes of all values together, of a ConfigMap as of a Secret. */
export const mostDataBytes = 1024 * 1024;

/** Upstream: `ValidateConfigMap` in `pkg/apis/core/validation/validation.go`. */
export const configMapStrategy: Strategy<ConfigMap> = {
  resource: resources.configmaps,
  validate(configMap, old) {
    const { data = {}, binaryData = {} } = configMap;
    const errors = [...validateKeys('data', data), ...validateKeys('binaryData', binaryData)];
    for (const key of Object.keys(data)) {
      if (Object.hasOwn(binaryData, key))
        errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    const text = Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
    const binary = Object.values(binaryData).reduce(
      (sum, value) => sum + Buffer.byteLength(value, 'base64'),
      0,
    );
    if (text + binary > mostDataBytes) {
      errors.push(tooLong('', mostDataBytes));
    }
    return [...errors, ...validateImmutable(configMap, old, ['data', 'binaryData'])];
  },
  columns: configMapColumns,
};

export function validateKeys(field: string, data: object): FieldError[] {
  return Object.keys(data).flatMap((key) => invalidEach(`${field}[${key}]`, key, configKey(key)));
}

/** Once `immutable` is set, it and the data stay. */
export function validateImmutable<T extends { immutable?: boolean }>(
  object: T,
  old: T | undefined,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (!old?.immutable) return [];
  const detail = 'field is immutable when `immutable` is set';
  const changed = fields.filter((field) => !isSameValue(object[field], old[field]));
  return [...(object.immutable ? [] : ['immutable']), ...changed].map((field) => forbidden(field, detail));
}
