import type { LabelSelector } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, required } from './field.ts';
import { validateLabels } from './metadata.ts';
import { labelValue, qualifiedName } from './names.ts';

/** Checks a LabelSelector. Upstream: apimachinery `apis/meta/v1/validation/validation.go`. */
export function validateSelector(field: string, selector: LabelSelector | undefined): FieldError[] {
  if (!selector) return [];
  const errors = validateLabels(`${field}.matchLabels`, selector.matchLabels);
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const path = `${field}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        errors.push(
          forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
    } else {
      errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
    }
    errors.push(...invalidEach(`${path}.key`, key, qualifiedName(key)));
    for (const [at, value] of values.entries()) {
      errors.push(...invalidEach(`${path}.values[${at}]`, value, labelValue(value)));
    }
  }
  return errors;
}

/** True when a selector selects everything. */
export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}
