import { row } from '../../../../api/kinds/row.ts';
import type { LimitedPriorityLevelConfiguration, PriorityLevelConfiguration } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, notSupported, required } from '../validation/field.ts';

/** How requests of some flow schemas are limited. Upstream: `ValidatePriorityLevelConfiguration`, `pkg/apis/flowcontrol/v1/defaults.go`. */
export const priorityLevelConfigurationStrategy: Strategy<PriorityLevelConfiguration> = {
  resource: row<PriorityLevelConfiguration>({
    group: 'flowcontrol.apiserver.k8s.io',
    name: 'prioritylevelconfigurations',
    kind: 'PriorityLevelConfiguration',
    namespaced: false,
    status: true,
  }),
  defaults({ spec }) {
    if (spec?.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    const { limited } = spec ?? {};
    if (!limited) return;
    limited.nominalConcurrencyShares ??= 30;
    limited.lendablePercent ??= 0;
    const { queuing } = limited.limitResponse ?? {};
    if (!queuing) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  validate({ metadata, spec }) {
    const { type = '', limited, exempt } = spec ?? {};
    const errors: FieldError[] = [];
    if ((metadata?.name === 'exempt') !== (type === 'Exempt')) {
      const detail = "type must be 'Exempt' if and only if name is 'exempt'";
      errors.push(invalid('spec.type', type, detail));
    }
    switch (type) {
      case 'Exempt':
        if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
        break;
      case 'Limited':
        if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
        if (limited) errors.push(...validateLimited(limited));
        else errors.push(required('spec.limited', 'must not be empty when type is Limited'));
        break;
      default:
        errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Type', 'Whether its requests are limited.', ({ spec }) => spec?.type ?? ''),
    column(
      'NominalConcurrencyShares',
      'Its part of the requests under way.',
      ({ spec }) => (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? '<none>',
    ),
    ...(['queues', 'handSize', 'queueLengthLimit'] as const).map((field) =>
      column<PriorityLevelConfiguration>(
        field.charAt(0).toUpperCase() + field.slice(1),
        'How requests wait.',
        ({ spec }) => spec?.limited?.limitResponse?.queuing?.[field] ?? '<none>',
      ),
    ),
    ageColumn,
  ],
};

function validateLimited({
  nominalConcurrencyShares: shares = 0,
  lendablePercent = 0,
  borrowingLimitPercent: borrowing,
  limitResponse,
}: LimitedPriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const at = 'spec.limited';
  if (shares < 0) {
    errors.push(invalid(`${at}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'));
  }
  if (lendablePercent < 0 || lendablePercent > 100) {
    errors.push(invalid(`${at}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive'));
  }
  if (borrowing !== undefined && borrowing < 0) {
    errors.push(
      invalid(`${at}.borrowingLimitPercent`, borrowing, 'if specified, must be a non-negative integer'),
    );
  }
  const { type = '', queuing } = limitResponse ?? {};
  const field = `${at}.limitResponse`;
  if (type === 'Reject' && queuing) {
    const detail = 'must be nil if limited.limitResponse.type is not Limited';
    errors.push(forbidden(`${field}.queuing`, detail));
  } else if (type === 'Queue' && !queuing) {
    const detail = 'must not be empty if limited.limitResponse.type is Limited';
    errors.push(required(`${field}.queuing`, detail));
  } else if (type !== 'Queue' && type !== 'Reject') {
    errors.push(notSupported(`${field}.type`, type, ['Queue', 'Reject']));
  }
  if (!queuing) return errors;
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  if (queueLengthLimit <= 0) {
    errors.push(invalid(`${field}.queuing.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  }
  if (queues <= 0) errors.push(invalid(`${field}.queuing.queues`, queues, 'must be positive'));
  if (handSize <= 0) errors.push(invalid(`${field}.queuing.handSize`, handSize, 'must be positive'));
  else if (handSize > queues) {
    const detail = `should not be greater than queues (${queues})`;
    errors.push(invalid(`${field}.queuing.handSize`, handSize, detail));
  }
  return errors;
}
