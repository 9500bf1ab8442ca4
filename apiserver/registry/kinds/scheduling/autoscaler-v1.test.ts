import { expect, test } from 'vitest';
import type { V2HorizontalPodAutoscaler } from '../../../../api/types.ts';
import { autoscalerFromV1, autoscalerToV1 } from './autoscaler-v1.ts';

const scaleTargetRef = { kind: 'Deployment', name: 'web' };

const whole: V2HorizontalPodAutoscaler = {
  metadata: { name: 'web', annotations: { a: 'b' } },
  spec: {
    scaleTargetRef,
    maxReplicas: 5,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
      },
      {
        type: 'Pods',
        pods: { metric: { name: 'rate' }, target: { type: 'AverageValue', averageValue: '9' } },
      },
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Ingress', name: 'in' },
          metric: { name: 'hits', selector: { matchLabels: { a: 'b' } } },
          target: { type: 'Value', value: '10' },
        },
      },
      {
        type: 'External',
        external: { metric: { name: 'queue', selector: {} }, target: { type: 'Value', value: '30' } },
      },
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
      },
    ],
  },
  status: {
    currentReplicas: 1,
    desiredReplicas: 2,
    conditions: [{ type: 'ScalingActive', status: 'False', reason: 'FailedGetResourceMetric' }],
    currentMetrics: [
      { type: 'Resource', resource: { name: 'memory', current: { averageValue: '2Gi' } } },
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 80 } } },
    ],
  },
};

test('version 1 keeps all that it has no field for, in its own form', () => {
  const { spec, status, metadata } = autoscalerToV1(whole);
  expect(spec).toEqual({ scaleTargetRef, maxReplicas: 5, targetCPUUtilizationPercentage: 50 });
  expect(status).toEqual({ currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 80 });
  const notes = Object.entries(metadata.annotations ?? {}).map(([key, text]) => [
    key.split('/').at(-1),
    text === 'b' ? text : JSON.parse(text),
  ]);
  expect(Object.fromEntries(notes)).toEqual({
    a: 'b',
    metrics: [
      { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
      { type: 'Pods', pods: { metricName: 'rate', targetAverageValue: '9' } },
      {
        type: 'Object',
        object: {
          target: { kind: 'Ingress', name: 'in' },
          metricName: 'hits',
          selector: { matchLabels: { a: 'b' } },
          targetValue: '10',
        },
      },
      { type: 'External', external: { metricName: 'queue', metricSelector: {}, targetValue: '30' } },
    ],
    'current-metrics': [{ type: 'Resource', resource: { name: 'memory', currentAverageValue: '2Gi' } }],
    conditions: whole.status?.conditions,
  });
});

test('there and back nothing changes', () => {
  expect(autoscalerFromV1({ ...autoscalerToV1(whole), apiVersion: 'autoscaling/v2' })).toEqual({
    ...whole,
    apiVersion: 'autoscaling/v2',
  });
});

test('conditions that a controller of 1.20 wrote are the status of version 2', () => {
  const conditions = JSON.stringify([{ type: 'AbleToScale', status: 'True' }]);
  const { status } = autoscalerFromV1({
    metadata: { annotations: { 'autoscaling.alpha.kubernetes.io/conditions': conditions } },
    spec: { scaleTargetRef, maxReplicas: 5 },
  });
  expect(status?.conditions).toEqual([{ type: 'AbleToScale', status: 'True' }]);
});
