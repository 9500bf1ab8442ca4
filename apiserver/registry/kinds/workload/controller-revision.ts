import { resources } from '../../../../api/scheme.ts';
import type { ControllerRevision } from '../../../../api/types.ts';
import { controllerRevisionColumns } from '../../../table/columns/workloads.ts';
import type { Strategy } from '../../strategy.ts';
import { invalid, nonNegative, required } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';

/** Upstream: `ValidateControllerRevision` in `pkg/apis/apps/validation/validation.go`. */
export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  resource: resources.controllerrevisions,
  validate: ({ data, revision }, old) => [
    ...(data === undefined || data === null ? [required('data', 'data is mandatory')] : []),
    ...nonNegative('revision', revision),
    ...(old && !isSameValue(data, old.data) ? [invalid('data', data, 'field is immutable')] : []),
  ],
  columns: controllerRevisionColumns,
};
