import type { Resource } from '../../api/scheme.ts';

const group = 'metrics.k8s.io';
const row = { group, version: 'v1beta1', singular: '', readOnly: true };

/** What `kubectl top` and autoscalers read; nothing of it is stored. Upstream: `k8s.io/metrics`, served by metrics-server. */
export const metricsResources = {
  nodes: { ...row, name: 'nodes', kind: 'NodeMetrics', type: 'NodeMetrics', namespaced: false },
  pods: { ...row, name: 'pods', kind: 'PodMetrics', type: 'PodMetrics', namespaced: true },
} as const satisfies Record<string, Resource>;

export const metricsPath = `/apis/${group}/v1beta1/`;

const known = new WeakMap<readonly Resource[], readonly Resource[]>();

/** The kinds that are discovered beside the built-in ones, with these; the same list for the same list. */
export function withMetrics(custom: readonly Resource[]): readonly Resource[] {
  const all = known.get(custom) ?? [...Object.values(metricsResources), ...custom];
  known.set(custom, all);
  return all;
}
