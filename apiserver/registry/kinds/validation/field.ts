import type { FieldError } from '../../strategy.ts';

/**
 * Makers of field errors with the texts of upstream's apimachinery `util/validation/field/errors.go`.
 * Values are written as JSON.
 */

export function required(field: string, detail = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: join('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail = ''): FieldError {
  return {
    reason: 'FieldValueInvalid',
    field,
    message: join(`Invalid value: ${JSON.stringify(value ?? null)}`, detail),
  };
}

export function duplicate(field: string, value: unknown): FieldError {
  return {
    reason: 'FieldValueDuplicate',
    field,
    message: `Duplicate value: ${JSON.stringify(value ?? null)}`,
  };
}

export function notFound(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueNotFound', field, message: `Not found: ${JSON.stringify(value ?? null)}` };
}

/** `supported` in the order it is to be printed. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const names = supported.map((name) => JSON.stringify(name)).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    field,
    message: join(
      `Unsupported value: ${JSON.stringify(value ?? null)}`,
      names && `supported values: ${names}`,
    ),
  };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: join('Forbidden', detail) };
}

export function tooLong(field: string, most: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${most} bytes` };
}

export function tooMany(field: string, actual: number, most: number): FieldError {
  return {
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${actual}: must have at most ${most} items`,
  };
}

/** One `invalid` a text, for the checks of names.ts, which return what is wrong. */
export function invalidEach(field: string, value: unknown, details: readonly string[]): FieldError[] {
  return details.map((detail) => invalid(field, value, detail));
}

/** Required when absent, not supported when it is none of `supported`. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (!value) return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0
    ? [invalid(field, value, 'must be greater than or equal to 0')]
    : [];
}

function join(head: string, detail: string): string {
  return detail ? `${head}: ${detail}` : head;
}
