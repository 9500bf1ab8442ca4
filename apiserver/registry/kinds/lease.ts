import { resources } from '../../../api/scheme.ts';
import type { Lease } from '../../../api/types.ts';
import { leaseColumns } from '../../table/columns/others.ts';
import type { Strategy } from '../strategy.ts';
import { invalid, nonNegative } from './validation/field.ts';

/** Upstream: `pkg/apis/coordination/validation/validation.go`. */
export const leaseStrategy: Strategy<Lease> = {
  resource: resources.leases,
  validate({ spec = {} }) {
    const { leaseDurationSeconds: duration } = spec;
    const errors = nonNegative('spec.leaseTransitions', spec.leaseTransitions);
    if (duration !== undefined && duration <= 0) {
      errors.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    return errors;
  },
  columns: leaseColumns,
};
