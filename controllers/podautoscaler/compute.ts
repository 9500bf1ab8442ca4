import type { Pod, V2MetricIdentifier, V2MetricSpec, V2MetricStatus } from '../../api/types.ts';
import { parseQuantity } from '../scheduler/resources.ts';
import type { MetricsClient } from './metrics.ts';
import {
  type Proposal,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
} from './replicas.ts';

/** What a metric is measured on. */
export interface Target {
  namespace: string;
  /** How many pods are wanted now, and how many there are. */
  wanted: number;
  present: number;
  /** Of the pods, as in a query. */
  selector: string;
  pods: readonly Pod[];
  pluralOf(apiVersion: string, kind: string): Promise<string>;
}

export interface Computed {
  replicas: number;
  /** For people: `cpu resource utilization (percentage of request)`. */
  name: string;
  status: V2MetricStatus;
}

/** Why a metric says nothing; `reason` of the condition and the Event, `told` their text, `message` for the sum of all. */
export class MetricError extends Error {
  override name = 'MetricError';
  readonly reason: string;
  readonly told: string;

  constructor(reason: string, told: string, message = told) {
    super(message);
    this.reason = reason;
    this.told = told;
  }
}

/**
 * How many replicas one metric asks for. Upstream: computeReplicasForMetric in `pkg/controller/podautoscaler/horizontal.go`.
 * @throws MetricError
 */
export async function computeMetric(
  spec: V2MetricSpec,
  target: Target,
  metrics: MetricsClient,
  now: number,
): Promise<Computed> {
  switch (spec.type) {
    case 'Resource': {
      const { name = '' } = spec.resource ?? {};
      const reason = 'FailedGetResourceMetric';
      return failing(reason, `failed to get ${name} resource metric value`, () =>
        ofResource(spec, target, metrics, now),
      );
    }
    case 'ContainerResource': {
      const { container = '' } = spec.containerResource ?? {};
      const reason = 'FailedGetContainerResourceMetric';
      return failing(reason, `failed to get ${container} container metric value`, () =>
        ofResource(spec, target, metrics, now),
      );
    }
    case 'Pods':
      return failing('FailedGetPodsMetric', 'failed to get pods metric value', () =>
        ofPods(spec, target, metrics, now),
      );
    case 'Object':
      return failing('FailedGetObjectMetric', 'failed to get object metric value', () =>
        ofObject(spec, target, metrics),
      );
    case 'External': {
      const { name = '' } = spec.external?.metric ?? {};
      return failing('FailedGetExternalMetric', `failed to get ${name} external metric value`, () =>
        ofExternal(spec, target, metrics),
      );
    }
    default:
      throw new MetricError(
        'InvalidMetricSourceType',
        `unknown metric source type ${JSON.stringify(spec.type)}`,
      );
  }
}

async function failing(reason: string, head: string, compute: () => Promise<Computed>): Promise<Computed> {
  try {
    return await compute();
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new MetricError(reason, told, `${head}: ${told}`);
  }
}

async function within<T>(head: string, compute: () => T | Promise<T>): Promise<T> {
  try {
    return await compute();
  } catch (error) {
    throw new Error(`${head}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function ofResource(
  { type, resource, containerResource }: V2MetricSpec,
  { namespace, selector, wanted, pods }: Target,
  metrics: MetricsClient,
  now: number,
): Promise<Computed> {
  const source = containerResource ?? resource;
  const { name = '', target } = source ?? {};
  const container = containerResource?.container;
  const samples = () =>
    within(`unable to get metrics for resource ${name}`, () =>
      metrics.ofPods(name, namespace, selector, container),
    );
  const status = (current: object): V2MetricStatus =>
    container === undefined
      ? { type, resource: { name, current } }
      : { type, containerResource: { name, container, current } };
  if (target?.averageValue !== undefined) {
    const wantedMilli = parseQuantity(target.averageValue) * 1000;
    const { replicas, milli } = await within(`failed to get ${name} usage`, async () =>
      replicasForAverage(wanted, wantedMilli, name, await samples(), pods, now),
    );
    return { replicas, name: `${name} resource`, status: status({ averageValue: formatMilli(milli) }) };
  }
  const share = target?.averageUtilization;
  if (share === undefined) {
    throw new Error(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const found = await within(`failed to get ${name} utilization`, async () =>
    replicasForUtilization(wanted, share, name, await samples(), pods, now, container),
  );
  const { replicas, utilization: averageUtilization, milli } = found;
  return {
    replicas,
    name: `${name} resource utilization (percentage of request)`,
    status: status({ averageUtilization, averageValue: formatMilli(milli) }),
  };
}

async function ofPods(
  { type, pods: source }: V2MetricSpec,
  { namespace, selector, wanted, pods }: Target,
  metrics: MetricsClient,
  now: number,
): Promise<Computed> {
  const { metric = { name: '' }, target } = source ?? {};
  const samples = await within(`unable to get metric ${metric.name}`, () =>
    metrics.custom(metric.name, namespace, selector, metric.selector),
  );
  const average = parseQuantity(target?.averageValue ?? '') * 1000;
  const { replicas, milli } = replicasForAverage(wanted, average, '', samples, pods, now);
  const current = { averageValue: formatMilli(milli) };
  return { replicas, name: `pods metric ${metric.name}`, status: { type, pods: { metric, current } } };
}

async function ofObject(
  { type, object }: V2MetricSpec,
  { namespace, wanted, present, pods, pluralOf }: Target,
  metrics: MetricsClient,
): Promise<Computed> {
  const { metric = { name: '' }, target, describedObject = { kind: '', name: '' } } = object ?? {};
  const plural = await pluralOf(describedObject.apiVersion ?? 'v1', describedObject.kind);
  const value = await within(
    `unable to get metric ${metric.name}: ${describedObject.kind} on ${namespace} ${describedObject.name}`,
    () => metrics.object(metric.name, namespace, describedObject, plural, metric.selector),
  );
  const { proposal, current } = proposalFor(target, value, wanted, present, pods);
  return {
    replicas: proposal.replicas,
    name:
      target?.averageValue === undefined
        ? `${describedObject.kind} metric ${metric.name}`
        : externalName(metric),
    status: { type, object: { metric, describedObject, current } },
  };
}

async function ofExternal(
  { type, external }: V2MetricSpec,
  { namespace, wanted, present, pods }: Target,
  metrics: MetricsClient,
): Promise<Computed> {
  const { metric = { name: '' }, target } = external ?? {};
  const head =
    target?.averageValue === undefined
      ? `failed to get external metric ${metric.name}`
      : `failed to get ${metric.name} external metric`;
  const value = await within(head, () =>
    within(
      `unable to get external metric ${namespace}/${metric.name}/${JSON.stringify(metric.selector ?? null)}`,
      () => metrics.external(metric.name, namespace, metric.selector),
    ),
  );
  const { proposal, current } = proposalFor(target, value, wanted, present, pods);
  return {
    replicas: proposal.replicas,
    name: externalName(metric),
    status: { type, external: { metric, current } },
  };
}

const externalName = ({ name, selector }: V2MetricIdentifier) =>
  `external metric ${name}(${selector ? JSON.stringify(selector) : '<nil>'})`;

function proposalFor(
  target: { value?: string; averageValue?: string } | undefined,
  value: number,
  wanted: number,
  present: number,
  pods: readonly Pod[],
): { proposal: Proposal; current: object } {
  if (target?.averageValue !== undefined) {
    const proposal = replicasForShare(present, parseQuantity(target.averageValue) * 1000, value);
    return { proposal, current: { averageValue: formatMilli(proposal.milli) } };
  }
  if (target?.value === undefined) {
    throw new Error('invalid metric source: neither a value target nor an average value target was set');
  }
  const proposal = replicasForValue(wanted, parseQuantity(target.value) * 1000, value, pods);
  return { proposal, current: { value: formatMilli(proposal.milli) } };
}

/** Thousandths as Go's `resource.NewMilliQuantity` prints them: `250m`, `3`, `2k`. */
export function formatMilli(milli: number): string {
  const suffixes = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'];
  let value = Math.round(milli);
  let power = 0;
  while (value !== 0 && value % 1000 === 0 && power < suffixes.length - 1) {
    value /= 1000;
    power += 1;
  }
  return value === 0 ? '0' : `${value}${suffixes[power]}`;
}
