import { quantityValue } from '../../../../api/quantity.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid } from './field.ts';

/** Upstream: `ValidateNonnegativeQuantity` in `pkg/apis/core/validation/validation.go`. */
export function validateQuantity(field: string, quantity: string): FieldError[] {
  return quantityValue(quantity) < 0 ? [invalid(field, quantity, 'must be greater than or equal to 0')] : [];
}

/** Upstream: `ValidatePositiveQuantityValue`. */
export function validatePositive(field: string, quantity: string): FieldError[] {
  return quantityValue(quantity) <= 0 ? [invalid(field, quantity, 'must be greater than zero')] : [];
}
