import { type StatusError, statusError } from '../../api/status.ts';
import { forbidden, notSupported } from '../registry/kinds/validation/field.ts';
import type { FieldError } from '../registry/strategy.ts';

/** The parameters of a read as they were sent, absent where empty. */
export interface SentListOptions {
  watch: boolean;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: string | undefined;
  continue?: string | undefined;
  sendInitialEvents?: boolean | undefined;
}

const match = 'resourceVersionMatch';
const whileContinued = 'resourceVersionMatch is forbidden when continue is provided';

/**
 * Which of them may stand together. Upstream: apimachinery `apis/meta/internalversion/validation/validation.go`.
 * @throws StatusError Invalid
 */
export function checkListOptions(options: SentListOptions): void {
  const errors = options.watch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw invalidListOptions(errors);
}

function listErrors({ resourceVersionMatch: wanted, ...options }: SentListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (wanted !== undefined) {
    if (options.resourceVersion === undefined) {
      errors.push(forbidden(match, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (options.continue !== undefined) errors.push(forbidden(match, whileContinued));
    if (wanted !== 'Exact' && wanted !== 'NotOlderThan') {
      errors.push(notSupported(match, wanted, ['Exact', 'NotOlderThan', '']));
    }
    if (wanted === 'Exact' && options.resourceVersion === '0') {
      errors.push(forbidden(match, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return errors;
}

function watchErrors({ resourceVersionMatch: wanted, ...options }: SentListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (options.sendInitialEvents !== undefined && wanted !== 'NotOlderThan') {
    const detail = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    errors.push(forbidden(match, detail));
  }
  if (wanted === undefined) return errors;
  if (options.sendInitialEvents === undefined) {
    const detail = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    errors.push(forbidden(match, detail));
  }
  if (wanted !== 'NotOlderThan') errors.push(notSupported(match, wanted, ['NotOlderThan']));
  if (options.continue !== undefined) errors.push(forbidden(match, whileContinued));
  return errors;
}

export function invalidListOptions(errors: readonly FieldError[]): StatusError {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return statusError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${list}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: errors.map(({ reason, field, message }) => ({ reason, message, field })),
  });
}
