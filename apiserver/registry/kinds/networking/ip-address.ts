import { resources } from '../../../../api/scheme.ts';
import type { IPAddress } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { invalid, invalidEach, required } from '../validation/field.ts';
import { pathSegment } from '../validation/names.ts';
import { isSameValue } from '../validation/same.ts';

/** An address that something has. Upstream: `ValidateIPAddress` in `pkg/apis/networking/validation/validation.go`. */
export const ipAddressStrategy: Strategy<IPAddress> = {
  resource: resources.ipaddresses,
  validate({ spec }, old) {
    const parent = spec?.parentRef;
    const field = 'spec.parentRef';
    const errors: FieldError[] = [];
    if (!parent) errors.push(required(field));
    else {
      if (!parent.resource) errors.push(required(`${field}.resource`));
      else errors.push(...invalidEach(`${field}.resource`, parent.resource, pathSegment(parent.resource)));
      if (!parent.name) errors.push(required(`${field}.name`));
      else errors.push(...invalidEach(`${field}.name`, parent.name, pathSegment(parent.name)));
    }
    if (old && !isSameValue(spec, old.spec)) errors.push(invalid(field, parent, 'field is immutable'));
    return errors;
  },
  columns: [
    nameColumn,
    column('ParentRef', 'What has the address.', ({ spec }) => {
      const { group, resource, namespace, name } = spec?.parentRef ?? {};
      return [group ? `${resource}.${group}` : resource, namespace, name].filter(Boolean).join('/');
    }),
    ageColumn,
  ],
};
