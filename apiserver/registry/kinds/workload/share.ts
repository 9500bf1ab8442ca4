import type { IntOrString } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid, nonNegative } from '../validation/field.ts';

/** A number of pods, or a percentage of them. Upstream: `ValidatePositiveIntOrPercent`. */
export function validateShare(field: string, value: IntOrString | undefined): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(field, value);
  if (/^[0-9]+%$/.test(value)) return [];
  const detail =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  return [invalid(field, value, detail)];
}

/** Upstream: `IsNotMoreThan100Percent`. */
export function validateAtMostAll(field: string, value: IntOrString | undefined): FieldError[] {
  const isMore = typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100;
  return isMore ? [invalid(field, value, 'must not be greater than 100%')] : [];
}

export const isZero = (value: IntOrString | undefined): boolean =>
  typeof value === 'string' ? Number.parseInt(value, 10) === 0 : !value;
