import { resources } from '../../../../api/scheme.ts';
import type {
  V2HorizontalPodAutoscaler,
  V2HorizontalPodAutoscalerSpec,
  V2HPAScalingRules,
  V2MetricSpec,
  V2MetricStatus,
} from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { invalid, notSupported, required } from '../validation/field.ts';
import { metricSources, validateMetric, validateReference } from './validate-metrics.ts';

/** Upstream: `pkg/apis/autoscaling/v2/defaults.go`, `ValidateHorizontalPodAutoscaler`. */
export const horizontalPodAutoscalerStrategy: Strategy<V2HorizontalPodAutoscaler> = {
  resource: resources.horizontalpodautoscalers,
  defaults({ spec }) {
    if (!spec) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) {
      const target = { type: 'Utilization', averageUtilization: 80 };
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    }
    setScalingDefaults(spec);
  },
  prepare(autoscaler, old) {
    autoscaler.status = old?.status ?? { desiredReplicas: 0, currentMetrics: [] };
  },
  validate({ spec = {} as Partial<V2HorizontalPodAutoscalerSpec> }) {
    const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec;
    const errors: FieldError[] = [];
    if (minReplicas !== undefined && minReplicas < 1) {
      errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
    }
    if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
    if (minReplicas !== undefined && maxReplicas < minReplicas) {
      errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
    }
    errors.push(...validateReference('spec.scaleTargetRef', scaleTargetRef));
    for (const [index, metric] of metrics.entries()) {
      errors.push(...validateMetric(`spec.metrics[${index}]`, metric));
    }
    return [
      ...errors,
      ...validateRules('spec.behavior.scaleUp', behavior?.scaleUp),
      ...validateRules('spec.behavior.scaleDown', behavior?.scaleDown),
    ];
  },
  columns: [
    nameColumn,
    column(
      'Reference',
      'What it scales.',
      ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    ),
    column('Targets', 'What is measured, and what is wanted.', ({ spec, status }) =>
      formatMetrics(spec.metrics ?? [], status?.currentMetrics ?? []),
    ),
    column('MinPods', 'The least number of pods.', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
    column('MaxPods', 'The most.', ({ spec }) => spec.maxReplicas, 'integer'),
    column('Replicas', 'How many there are.', ({ status }) => status?.currentReplicas ?? 0, 'integer'),
    ageColumn,
  ],
};

/** Upstream: `GenerateHPAScaleUpRules`, `GenerateHPAScaleDownRules`. */
function setScalingDefaults({ behavior }: V2HorizontalPodAutoscalerSpec): void {
  if (!behavior) return;
  const percent = { type: 'Percent', value: 100, periodSeconds: 15 };
  behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent],
    ...behavior.scaleUp,
  };
  behavior.scaleDown = { selectPolicy: 'Max', policies: [percent], ...behavior.scaleDown };
}

function validateRules(field: string, rules: V2HPAScalingRules | undefined): FieldError[] {
  if (!rules) return [];
  const { stabilizationWindowSeconds: seconds = 0, selectPolicy, policies = [] } = rules;
  const errors: FieldError[] = [];
  const window = `${field}.stabilizationWindowSeconds`;
  if (seconds < 0) errors.push(invalid(window, seconds, 'must be greater than or equal to zero'));
  if (seconds > 3600) errors.push(invalid(window, seconds, 'must be less than or equal to 3600'));
  const selections = ['Disabled', 'Max', 'Min'];
  if (selectPolicy && !selections.includes(selectPolicy)) {
    errors.push(notSupported(`${field}.selectPolicy`, selectPolicy, selections));
  }
  if (policies.length === 0) errors.push(required(`${field}.policies`, 'must specify at least one Policy'));
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${field}.policies[${index}]`;
    if (type !== 'Pods' && type !== 'Percent') {
      errors.push(notSupported(`${at}.type`, type, ['Percent', 'Pods']));
    }
    if (value <= 0) errors.push(invalid(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0)
      errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > 1800) {
      errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be less than or equal to 1800'));
    }
  }
  return errors;
}

/** `cpu: <unknown>/80%, …`: two of them, and how many more. */
function formatMetrics(specs: readonly V2MetricSpec[], statuses: readonly V2MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const texts = specs.map((spec, index) => {
    const own = metricSources[spec.type as keyof typeof metricSources];
    const target = spec[own]?.target;
    const current = statuses[index]?.[own]?.current;
    const head = own === 'resource' ? `${spec.resource?.name}: ` : '';
    if (target?.averageUtilization !== undefined) {
      const now = current?.averageUtilization;
      return `${head}${now === undefined ? '<unknown>' : `${now}%`}/${target.averageUtilization}%`;
    }
    if (target?.averageValue !== undefined) {
      const average = own === 'external' || own === 'object' ? ' (avg)' : '';
      return `${head}${current?.averageValue ?? '<unknown>'}/${target.averageValue}${average}`;
    }
    return `${head}${current?.value ?? '<unknown>'}/${target?.value ?? '<auto>'}`;
  });
  const more = texts.length > 2 ? ` + ${texts.length - 2} more...` : '';
  return texts.slice(0, 2).join(', ') + more;
}
