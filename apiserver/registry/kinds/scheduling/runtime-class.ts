import { resources } from '../../../../api/scheme.ts';
import type { RuntimeClass } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { Strategy } from '../../strategy.ts';
import { invalid, invalidEach } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { dnsLabel } from '../validation/names.ts';

/** Upstream: `ValidateRuntimeClass` in `pkg/apis/node/validation/validation.go`. */
export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  resource: resources.runtimeclasses,
  validate({ handler = '', scheduling }, old) {
    const errors = [
      ...invalidEach('handler', handler, dnsLabel(handler)),
      ...validateLabels('scheduling.nodeSelector', scheduling?.nodeSelector),
    ];
    if (old && handler !== old.handler) errors.push(invalid('handler', handler, 'field is immutable'));
    return errors;
  },
  columns: [
    nameColumn,
    column('Handler', 'What runs pods of this class.', ({ handler }) => handler),
    ageColumn,
  ],
};
