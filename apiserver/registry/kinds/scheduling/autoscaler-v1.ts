import type {
  HorizontalPodAutoscaler,
  ObjectMeta,
  V2HorizontalPodAutoscaler,
  V2MetricSpec,
  V2MetricStatus,
  V2MetricTarget,
  V2MetricValueStatus,
} from '../../../../api/types.ts';

/** What version 1 has no field for it keeps in annotations. Upstream: `pkg/apis/autoscaling/annotations.go`. */
const annotation = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  current: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
} as const;

const isCpuShare = ({ type, resource }: V2MetricSpec) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
const isCpuStatus = ({ type, resource }: V2MetricStatus) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined;

/** Upstream: `pkg/apis/autoscaling/v1/conversion.go`. @throws SyntaxError for an annotation that is no JSON */
export function autoscalerFromV1({
  spec,
  status,
  metadata,
  ...object
}: HorizontalPodAutoscaler): V2HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: share, ...rest } = spec ?? {
    maxReplicas: 0,
    scaleTargetRef: { kind: '', name: '' },
  };
  const notes = { ...metadata?.annotations };
  const read = <T>(name: string): T | undefined => {
    const text = notes[name];
    delete notes[name];
    return text ? (JSON.parse(text) as T) : undefined;
  };
  const cpu = (averageUtilization: number) => ({
    name: 'cpu',
    target: { type: 'Utilization', averageUtilization },
  });
  const metrics = [
    ...(read<Metric[]>(annotation.metrics) ?? []).map((one) => metricFromV1(one) as V2MetricSpec),
    ...(share === undefined ? [] : [{ type: 'Resource', resource: cpu(share) }]),
  ];
  const behavior = read<object>(annotation.behavior);
  const conditions = read<NonNullable<V2HorizontalPodAutoscaler['status']>['conditions']>(
    annotation.conditions,
  );
  const { currentCPUUtilizationPercentage: now, ...counts } = status ?? {
    currentReplicas: 0,
    desiredReplicas: 0,
  };
  const currentMetrics = [
    ...(read<Metric[]>(annotation.current) ?? []).map((one) => metricFromV1(one) as V2MetricStatus),
    ...(now === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: now } } }]),
  ];
  return {
    ...object,
    metadata: withNotes(metadata, notes),
    spec: { ...rest, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    ...(status || conditions || currentMetrics.length > 0
      ? {
          status: {
            ...counts,
            ...(conditions ? { conditions } : {}),
            ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
          },
        }
      : {}),
  };
}

export function autoscalerToV1({ spec, status, metadata, ...object }: V2HorizontalPodAutoscaler) {
  const { metrics = [], behavior, ...rest } = spec;
  const cpu = metrics.find(isCpuShare);
  const { conditions, currentMetrics = [], ...counts } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const cpuNow = currentMetrics.find(isCpuStatus);
  const notes: Record<string, string> = { ...metadata?.annotations };
  const write = (name: string, value: object | undefined) => {
    if (value && !(Array.isArray(value) && value.length === 0)) notes[name] = JSON.stringify(value);
  };
  write(annotation.metrics, metrics.filter((one) => one !== cpu).map(metricToV1));
  write(annotation.behavior, behavior);
  write(annotation.current, currentMetrics.filter((one) => one !== cpuNow).map(metricToV1));
  write(annotation.conditions, conditions);
  const share = cpu?.resource?.target.averageUtilization;
  const now = cpuNow?.resource?.current.averageUtilization;
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: withNotes(metadata, notes),
    spec: { ...rest, ...(share === undefined ? {} : { targetCPUUtilizationPercentage: share }) },
    status: {
      ...counts,
      currentReplicas: counts.currentReplicas ?? 0,
      ...(now === undefined ? {} : { currentCPUUtilizationPercentage: now }),
    },
  };
}

function withNotes(metadata: ObjectMeta | undefined, annotations: Record<string, string>): ObjectMeta {
  const { annotations: _, ...rest } = metadata ?? {};
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}

/** Names of the amounts in version 1: what is wanted, and what is. */
type Flat = Record<string, unknown>;
type Metric = Flat & { type: string };
const sources = ['resource', 'pods', 'object', 'external', 'containerResource'] as const;

/** One metric, or its status: what stands below `target` or `current` stood flat beside the rest. */
function metricFromV1(metric: Metric): Metric {
  const found = sources.find((name) => metric[name] !== undefined);
  if (!found) return metric;
  const source = metric[found] as Flat;
  // What was written by way of version 2 before.
  if (
    !Array.isArray(source) &&
    ((isObject(source.target) && !isReference(source.target)) || isObject(source.current))
  )
    return metric;
  const { name, container, metricName, selector, metricSelector, target, ...amounts } = source;
  const chosen = selector ?? metricSelector;
  const isStatus = Object.keys(amounts).some((one) => one.startsWith('current'));
  const values: Flat = {};
  for (const [key, value] of Object.entries(amounts)) {
    const bare = key.replace(/^(target|current)/, '');
    values[`${bare.charAt(0).toLowerCase()}${bare.slice(1)}`] = value;
  }
  const type =
    'averageUtilization' in values ? 'Utilization' : 'averageValue' in values ? 'AverageValue' : 'Value';
  return {
    ...metric,
    [found]: {
      ...(name === undefined ? {} : { name }),
      ...(container === undefined ? {} : { container }),
      ...(metricName === undefined
        ? {}
        : { metric: { name: metricName, ...(chosen ? { selector: chosen } : {}) } }),
      ...(target === undefined ? {} : { describedObject: target }),
      ...(isStatus ? { current: values } : { target: { type, ...values } }),
    },
  };
}

function metricToV1(metric: V2MetricSpec | V2MetricStatus): Flat {
  const found = sources.find((name) => metric[name] !== undefined);
  if (!found) return { ...metric };
  const source = metric[found] as Flat & {
    metric?: { name: string; selector?: object };
    target?: V2MetricTarget;
    current?: V2MetricValueStatus;
  };
  const { metric: named, target, current, describedObject, ...rest } = source;
  const prefix = target ? 'target' : 'current';
  const { type: _, ...amounts } = { type: '', ...(target ?? current) };
  const flat: Flat = { ...rest };
  // Of an object the average has no prefix.
  for (const [key, value] of Object.entries(amounts))
    flat[
      found === 'object' && key === 'averageValue'
        ? key
        : `${prefix}${key.charAt(0).toUpperCase()}${key.slice(1)}`
    ] = value;
  if (named) flat.metricName = named.name;
  if (named?.selector) flat[found === 'external' ? 'metricSelector' : 'selector'] = named.selector;
  if (describedObject !== undefined) flat.target = describedObject;
  return { type: metric.type, [found]: flat };
}

const isObject = (value: unknown): value is Flat => typeof value === 'object' && value !== null;
/** Of an object's metric, version 1 calls so what it is about. */
const isReference = (value: Flat) => 'kind' in value;
