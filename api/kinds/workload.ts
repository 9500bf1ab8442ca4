import type { PriorityClass, RuntimeClass, V2HorizontalPodAutoscaler } from '../types.ts';
import { row } from './row.ts';

/** Kinds that say how pods run, and how many. */
export const workloadKinds = {
  horizontalpodautoscalers: row<V2HorizontalPodAutoscaler>({
    group: 'autoscaling',
    version: 'v2',
    name: 'horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    type: 'V2HorizontalPodAutoscaler',
    namespaced: true,
    shortNames: ['hpa'],
    categories: ['all'],
    status: true,
    alsoServed: [{ version: 'v1', type: 'HorizontalPodAutoscaler', converted: true }],
  }),
  priorityclasses: row<PriorityClass>({
    group: 'scheduling.k8s.io',
    name: 'priorityclasses',
    kind: 'PriorityClass',
    namespaced: false,
    shortNames: ['pc'],
  }),
  runtimeclasses: row<RuntimeClass>({
    group: 'node.k8s.io',
    name: 'runtimeclasses',
    kind: 'RuntimeClass',
    namespaced: false,
  }),
};
