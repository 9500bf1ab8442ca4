import type { Client } from '../../api/client.ts';
import type { LabelSelector, V2CrossVersionObjectReference } from '../../api/types.ts';
import { parseQuantity } from '../scheduler/resources.ts';
import type { Samples } from './replicas.ts';

/** Where the values come from that replicas are counted by. Upstream: `pkg/controller/podautoscaler/metrics`. */
export interface MetricsClient {
  /** Use of a resource by pods, or by one container of each. @throws Error */
  ofPods(resource: string, namespace: string, selector: string, container?: string): Promise<Samples>;
  /** A metric of each pod. @throws Error */
  custom(metric: string, namespace: string, selector: string, of?: LabelSelector): Promise<Samples>;
  /** A metric of one object; thousandths. @throws Error */
  object(
    metric: string,
    namespace: string,
    of: V2CrossVersionObjectReference,
    plural: string,
    by?: LabelSelector,
  ): Promise<number>;
  /** A metric of nothing in the cluster; the sum, in thousandths. @throws Error */
  external(metric: string, namespace: string, of?: LabelSelector): Promise<number>;
}

interface PodMetrics {
  metadata: { name: string };
  timestamp: string;
  window: string;
  containers: { name: string; usage: Record<string, string> }[];
}

interface MetricValues {
  items: { describedObject?: { name: string }; timestamp?: string; windowSeconds?: number; value: string }[];
}

/** Custom metrics say nothing of a window in most cases: a minute, as upstream. */
const defaultWindow = 60_000;

export function createMetricsClient(client: Client): MetricsClient {
  async function ask<T>(api: string, path: string): Promise<T> {
    try {
      return await client.request<T>('GET', path);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`unable to fetch metrics from ${api} metrics API: ${why}`, { cause: error });
    }
  }

  return {
    async ofPods(resource, namespace, selector, container) {
      const query = new URLSearchParams({ labelSelector: selector });
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods?${query}`;
      const { items } = await ask<{ items: PodMetrics[] }>('resource', path);
      if (items.length === 0) throw new Error('no metrics returned from resource metrics API');
      return new Map(
        items.flatMap(({ metadata, timestamp, window, containers }) => {
          const meant = containers.filter(({ name }) => container === undefined || name === container);
          const values = meant.map(({ usage }) => usage[resource]);
          if (values.length === 0 || values.includes(undefined)) return [];
          const milli = values.reduce((sum, value) => sum + Math.ceil(parseQuantity(value ?? 0) * 1000), 0);
          return [[metadata.name, { milli, at: Date.parse(timestamp), window: seconds(window) * 1000 }]];
        }),
      );
    },
    async custom(metric, namespace, selector, of) {
      const query = new URLSearchParams({ labelSelector: selector, ...metricSelector(of) });
      const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric}?${query}`;
      const { items } = await ask<MetricValues>('custom', path);
      if (items.length === 0) throw new Error('no metrics returned from custom metrics API');
      return new Map(
        items.map(({ describedObject, timestamp, windowSeconds, value }) => [
          describedObject?.name ?? '',
          {
            milli: Math.ceil(parseQuantity(value) * 1000),
            at: Date.parse(timestamp ?? ''),
            window: windowSeconds === undefined ? defaultWindow : windowSeconds * 1000,
          },
        ]),
      );
    },
    async object(metric, namespace, { apiVersion = '', name }, plural, by) {
      const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : '';
      const query = new URLSearchParams(metricSelector(by));
      const scope = plural === 'namespaces' ? '' : `namespaces/${namespace}/`;
      const path = `/apis/custom.metrics.k8s.io/v1beta2/${scope}${plural}${group}/${name}/${metric}?${query}`;
      const { items } = await ask<MetricValues>('custom', path);
      const [first] = items;
      if (!first) throw new Error('no metrics returned from custom metrics API');
      return Math.ceil(parseQuantity(first.value) * 1000);
    },
    async external(metric, namespace, of) {
      const { metricLabelSelector = '' } = metricSelector(of);
      const query = new URLSearchParams(metricLabelSelector ? { labelSelector: metricLabelSelector } : {});
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric}?${query}`;
      const { items } = await ask<MetricValues>('external', path);
      if (items.length === 0) throw new Error('no metrics returned from external metrics API');
      return items.reduce((sum, { value }) => sum + Math.ceil(parseQuantity(value) * 1000), 0);
    },
  };
}

/** A LabelSelector as a query has it. */
function metricSelector(selector: LabelSelector | undefined): { metricLabelSelector?: string } {
  const terms = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    if (operator === 'Exists') terms.push(key);
    else if (operator === 'DoesNotExist') terms.push(`!${key}`);
    else terms.push(`${key} ${operator.toLowerCase()} (${values.join(',')})`);
  }
  return terms.length > 0 ? { metricLabelSelector: terms.sort().join(',') } : {};
}

/** `1m15.3s` in seconds, as Go writes durations. */
function seconds(duration: string): number {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, µs: 1e-6, ns: 1e-9 };
  return [...duration.matchAll(/([\d.]+)(h|ms|m|s|µs|ns)/g)].reduce(
    (sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0),
    0,
  );
}
