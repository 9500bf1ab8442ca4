import { resources } from '../../../../api/scheme.ts';
import type { ReplicationController } from '../../../../api/types.ts';
import { ageColumn, column, formatLabels, nameColumn, wide } from '../../../table/columns/common.ts';
import { templateColumns } from '../../../table/columns/workloads.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { validatePodSpec } from '../pod/validate-spec.ts';
import { invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { setTemplateDefaults } from './template.ts';

/** Upstream: `pkg/apis/core/v1/defaults.go`, `ValidateReplicationController`. */
export const replicationControllerStrategy: Strategy<ReplicationController> = {
  resource: resources.replicationcontrollers,
  defaults(controller) {
    const { spec } = controller;
    if (!spec) return;
    const labels = spec.template?.metadata?.labels;
    if (labels) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(controller.metadata?.labels ?? {}).length === 0) {
        controller.metadata = { ...controller.metadata, labels: { ...labels } };
      }
    }
    setTemplateDefaults(spec.template);
    spec.replicas ??= 1;
  },
  prepare(controller, old) {
    controller.status = old?.status ?? { replicas: 0 };
  },
  validate({ spec = {} }) {
    const { replicas, minReadySeconds, selector = {}, template } = spec;
    const errors = [
      ...nonNegative('spec.minReadySeconds', minReadySeconds),
      ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
      ...nonNegative('spec.replicas', replicas),
    ];
    return [...errors, ...(template ? validateTemplate(selector, template) : [required('spec.template')])];
  },
  selectableFields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
  columns: [
    nameColumn,
    column('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
    column('Current', 'Pods there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns,
    wide('Selector', 'Selects its pods.', ({ spec }) => formatLabels(spec?.selector)),
  ],
};

function validateTemplate(
  selector: Record<string, string>,
  {
    metadata,
    spec = { containers: [] },
  }: NonNullable<NonNullable<ReplicationController['spec']>['template']>,
): FieldError[] {
  const field = 'spec.template';
  const labels = metadata?.labels ?? {};
  const errors: FieldError[] = [];
  if (Object.entries(selector).some(([key, value]) => labels[key] !== value)) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalid(`${field}.metadata.labels`, labels, detail));
  }
  errors.push(...validateLabels(`${field}.labels`, labels), ...validatePodSpec(`${field}.spec`, spec));
  const { restartPolicy } = spec;
  if (restartPolicy && restartPolicy !== 'Always') {
    errors.push(notSupported(`${field}.spec.restartPolicy`, restartPolicy, ['Always']));
  }
  return errors;
}
