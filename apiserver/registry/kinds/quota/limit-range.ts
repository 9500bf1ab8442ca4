import { quantityValue } from '../../../../api/quantity.ts';
import { resources } from '../../../../api/scheme.ts';
import type { LimitRange, LimitRangeItem } from '../../../../api/types.ts';
import { defaultColumns } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, required } from '../validation/field.ts';
import { qualifiedName } from '../validation/names.ts';

/** Upstream: `pkg/apis/core/v1/defaults.go`, `ValidateLimitRange`. */
export const limitRangeStrategy: Strategy<LimitRange> = {
  resource: resources.limitranges,
  defaults({ spec }) {
    for (const item of spec?.limits ?? []) if (item.type === 'Container') setDefaults(item);
  },
  validate({ spec }) {
    const types = new Set<string>();
    return (spec?.limits ?? []).flatMap((item, index) => {
      const field = `spec.limits[${index}]`;
      const { type } = item;
      const errors = type
        ? invalidEach(`${field}.type`, type, qualifiedName(type))
        : [required(`${field}.type`)];
      if (types.has(type)) errors.push(duplicate(`${field}.type`, type));
      types.add(type);
      return [...errors, ...validateItem(field, item)];
    });
  },
  columns: defaultColumns,
};

/** What is not said of containers follows from the rest: a limit from the maximum, a request from limit or minimum. */
function setDefaults(item: LimitRangeItem): void {
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

function validateItem(field: string, item: LimitRangeItem): FieldError[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item;
  const errors: FieldError[] = [];
  if (type === 'Pod') {
    for (const part of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[part] ?? {}).length === 0) continue;
      errors.push(forbidden(`${field}.${part}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (type === 'PersistentVolumeClaim' && !('storage' in min) && !('storage' in max)) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${field}.limits`, detail));
  }
  const limits = type === 'Pod' ? {} : (item.default ?? {});
  const requests = type === 'Pod' ? {} : (item.defaultRequest ?? {});
  const names = new Set([min, max, limits, requests, ratios].flatMap((map) => Object.keys(map)));
  for (const name of [...names].sort()) {
    errors.push(...compare(field, name, { min, max, limits, requests, ratios }));
  }
  return errors;
}

type Amounts = Record<'min' | 'max' | 'limits' | 'requests' | 'ratios', Record<string, string>>;

type Named = [what: string, quantity: string | undefined];

function compare(field: string, name: string, amounts: Amounts): FieldError[] {
  const [min, max, limit, request, ratio] = [
    ...[amounts.min[name], amounts.max[name], amounts.limits[name]],
    ...[amounts.requests[name], amounts.ratios[name]],
  ];
  const errors: FieldError[] = [];
  const check = (part: string, low: Named, high: Named, shown?: string) => {
    if (low[1] === undefined || high[1] === undefined) return;
    if (quantityValue(low[1]) <= quantityValue(high[1])) return;
    const detail = `${low[0]} value ${low[1]} is greater than ${high[0]} value ${high[1]}`;
    errors.push(invalid(`${field}.${part}[${name}]`, shown, detail));
  };
  check('min', ['min', min], ['max', max], min);
  check('defaultRequest', ['min', min], ['default request', request], request);
  check('defaultRequest', ['default request', request], ['max', max], request);
  check('defaultRequest', ['default request', request], ['default limit', limit], request);
  check('default', ['min', min], ['default', limit], min);
  check('default', ['default', limit], ['max', max], limit);
  if (ratio === undefined) return errors;
  const at = `${field}.maxLimitRequestRatio[${name}]`;
  if (quantityValue(ratio) < 1) errors.push(invalid(at, ratio, `ratio ${ratio} is less than 1`));
  if (min !== undefined && max !== undefined) {
    const most = quantityValue(max) / quantityValue(min);
    if (quantityValue(ratio) > most) {
      errors.push(invalid(at, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`));
    }
  }
  return errors;
}
