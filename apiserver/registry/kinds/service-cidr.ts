import { resources } from '../../../api/scheme.ts';
import type { ServiceCIDR } from '../../../api/types.ts';
import { serviceCidrColumns } from '../../table/columns/others.ts';
import type { Strategy } from '../strategy.ts';
import { invalid, invalidEach, required } from './validation/field.ts';
import { cidr, familyOf } from './validation/names.ts';
import { isSameValue } from './validation/same.ts';

/** Upstream: `pkg/apis/networking/validation/validation.go`. */
export const serviceCidrStrategy: Strategy<ServiceCIDR> = {
  resource: resources.servicecidrs,
  prepare(serviceCidr, old) {
    serviceCidr.status = old?.status ?? {};
  },
  validate({ spec }, old) {
    const { cidrs = [] } = spec ?? {};
    const field = 'spec.cidrs';
    if (old) return isSameValue(cidrs, old.spec?.cidrs) ? [] : [invalid(field, cidrs, 'field is immutable')];
    if (cidrs.length === 0) return [required(field, 'at least one CIDR required')];
    if (cidrs.length > 2) {
      return [invalid(field, cidrs, 'may only hold up to 2 values')];
    }
    const errors = cidrs.flatMap((range, index) => invalidEach(`${field}[${index}]`, range, cidr(range)));
    if (errors.length === 0 && new Set(cidrs.map(familyOf)).size < cidrs.length) {
      errors.push(
        invalid(
          field,
          cidrs,
          'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
        ),
      );
    }
    return errors;
  },
  columns: serviceCidrColumns,
};
