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
    alsoServed: [
      { version: 'v1', type: 'HorizontalPodAutoscaler', converted: true },
      // What `kubectl describe` of 1.20 asks for.
      {
        version: 'v2beta2',
        deprecation:
          'autoscaling/v2beta2 HorizontalPodAutoscaler is deprecated in v1.23+, unavailable in v1.26+; use autoscaling/v2 HorizontalPodAutoscaler',
      },
    ],
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
