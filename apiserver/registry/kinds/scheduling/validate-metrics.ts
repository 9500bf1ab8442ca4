import type {
  V2CrossVersionObjectReference,
  V2MetricIdentifier,
  V2MetricSpec,
  V2MetricTarget,
} from '../../../../api/types.ts';
import { quantityValue } from '../../../schema/quantity.ts';
import type { FieldError } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsLabel, pathSegment } from '../validation/names.ts';

/** The field that each type of metric has. */
export const metricSources = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

/** Upstream's order, in which the first that is there is looked at. */
const inOrder = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

/** Upstream: `validateMetricSpec` in `pkg/apis/autoscaling/validation/validation.go`. */
export function validateMetric(field: string, metric: V2MetricSpec): FieldError[] {
  const { type } = metric;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${field}.type`, 'must specify a metric source type'));
  const own = metricSources[type as keyof typeof metricSources] as (typeof inOrder)[number] | undefined;
  if (!own) errors.push(notSupported(`${field}.type`, type ?? '', Object.keys(metricSources)));
  const present = inOrder.filter((name) => metric[name]);
  const [first] = present;
  if (first) errors.push(...validateSource(`${field}.${first}`, metric, first));
  if (own && !metric[own]) {
    errors.push(required(`${field}.${own}`, 'must populate information for the given metric source'));
  }
  if (present.length === 1) return errors;
  const others = present.filter((name) => name !== own);
  const detail = 'must populate the given metric source only';
  return [...errors, ...others.map((name) => forbidden(`${field}.${name}`, detail))];
}

function validateSource(field: string, metric: V2MetricSpec, name: (typeof inOrder)[number]): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  switch (name) {
    case 'object':
      return [
        ...validateReference(`${field}.describedObject`, object?.describedObject),
        ...validateIdentifier(`${field}.metric`, object?.metric),
        ...validateTarget(`${field}.target`, object?.target),
        ...needs(field, object?.target, 'must set either a target value or averageValue'),
      ];
    case 'external': {
      const { value, averageValue } = external?.target ?? {};
      const both = value !== undefined && averageValue !== undefined;
      const detail = 'may not set both a target value for metric and a per-pod target';
      return [
        ...validateIdentifier(`${field}.metric`, external?.metric),
        ...validateTarget(`${field}.target`, external?.target),
        ...needs(field, external?.target, 'must set either a target value for metric or a per-pod target'),
        ...(both ? [forbidden(`${field}.target.value`, detail)] : []),
      ];
    }
    case 'pods':
      return [
        ...validateIdentifier(`${field}.metric`, pods?.metric),
        ...validateTarget(`${field}.target`, pods?.target),
        ...(pods?.target?.averageValue === undefined
          ? [required(`${field}.target.averageValue`, 'must specify a positive target averageValue')]
          : []),
      ];
    case 'containerResource': {
      const { container } = containerResource ?? {};
      return [
        ...(containerResource?.name ? [] : [required(`${field}.name`, 'must specify a resource name')]),
        ...(container
          ? invalidEach(`${field}.container`, container, dnsLabel(container))
          : [required(`${field}.container`, 'must specify a container')]),
        ...validateUse(field, containerResource?.target),
      ];
    }
    case 'resource':
      return [
        ...(resource?.name ? [] : [required(`${field}.name`, 'must specify a resource name')]),
        ...validateUse(field, resource?.target),
      ];
  }
}

/** A value, or one for each pod. */
function needs(field: string, target: V2MetricTarget | undefined, detail: string): FieldError[] {
  const none = target?.value === undefined && target?.averageValue === undefined;
  return none ? [required(`${field}.target.averageValue`, detail)] : [];
}

function validateUse(field: string, target: V2MetricTarget | undefined): FieldError[] {
  const errors = validateTarget(`${field}.target`, target);
  const { averageUtilization: share, averageValue } = target ?? {};
  if (share === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${field}.target.averageUtilization`, detail));
  }
  if (share !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbidden(`${field}.target.averageValue`, detail));
  }
  return errors;
}

function validateTarget(field: string, target: Partial<V2MetricTarget> = {}): FieldError[] {
  const { type = '', value, averageValue, averageUtilization: share } = target;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${field}.type`, 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.push(invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const [name, amount] of Object.entries({ value, averageValue })) {
    if (amount === undefined || quantityValue(amount) > 0) continue;
    errors.push(invalid(`${field}.${name}`, amount, 'must be positive'));
  }
  if (share !== undefined && share < 1) {
    errors.push(invalid(`${field}.averageUtilization`, share, 'must be greater than 0'));
  }
  return errors;
}

function validateIdentifier(field: string, metric: V2MetricIdentifier | undefined): FieldError[] {
  const { name } = metric ?? {};
  if (!name) return [required(`${field}.name`, 'must specify a metric name')];
  return invalidEach(`${field}.name`, name, pathSegment(name));
}

/** Upstream: `ValidateCrossVersionObjectReference`. */
export function validateReference(
  field: string,
  reference: V2CrossVersionObjectReference | undefined,
): FieldError[] {
  return (['kind', 'name'] as const).flatMap((part) => {
    const value = reference?.[part];
    return value
      ? invalidEach(`${field}.${part}`, value, pathSegment(value))
      : [required(`${field}.${part}`)];
  });
}
