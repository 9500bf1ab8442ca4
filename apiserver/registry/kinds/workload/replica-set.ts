import { resources } from '../../../../api/scheme.ts';
import type { ReplicaSet } from '../../../../api/types.ts';
import { replicaSetColumns } from '../../../table/columns/workloads.ts';
import type { Strategy } from '../../strategy.ts';
import { setTemplateDefaults, validateWorkload } from './template.ts';

/** Upstream: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation/validation.go`. */
export const replicaSetStrategy: Strategy<ReplicaSet> = {
  resource: resources.replicasets,
  defaults({ spec }) {
    if (!spec) return;
    setTemplateDefaults(spec.template);
    spec.replicas ??= 1;
  },
  prepare(replicaSet, old) {
    replicaSet.status = old?.status ?? { replicas: 0 };
  },
  validate: ({ spec = {} as Partial<NonNullable<ReplicaSet['spec']>> }, old) =>
    validateWorkload('ReplicaSet', spec, old && (old.spec ?? {})),
  selectableFields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
  columns: replicaSetColumns,
};
