import { expect, test } from 'vitest';
import type { V2MetricSpec } from '../../../../api/types.ts';
import { texts } from '../testing.ts';
import { validateMetric } from './validate-metrics.ts';

const describedObject = { kind: 'Service', name: 'web' };
const metric = { name: 'hits' };
const average = (averageValue: string) => ({ type: 'AverageValue', averageValue });

/** Rows of upstream's `pkg/apis/autoscaling/validation/validation_test.go`. */
test.each<[string, V2MetricSpec, string[]]>([
  [
    'object',
    { type: 'Object', object: { describedObject, metric, target: { type: 'Value', value: '100m' } } },
    [],
  ],
  ['pods', { type: 'Pods', pods: { metric, target: average('1') } }, []],
  ['external', { type: 'External', external: { metric, target: average('1') } }, []],
  [
    'container',
    {
      type: 'ContainerResource',
      containerResource: {
        name: 'cpu',
        container: 'c',
        target: { type: 'Utilization', averageUtilization: 5 },
      },
    },
    [],
  ],
  [
    'no type',
    { type: '' },
    [
      'f.type: Required value: must specify a metric source type',
      'f.type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
    ],
  ],
  [
    'no source',
    { type: 'Pods' },
    ['f.pods: Required value: must populate information for the given metric source'],
  ],
  [
    'more than one source',
    { type: 'Pods', pods: { metric, target: average('1') }, resource: { name: 'cpu', target: average('1') } },
    ['f.resource: Forbidden: must populate the given metric source only'],
  ],
  [
    'an object without kind, a metric with a slash and no value',
    {
      type: 'Object',
      object: {
        describedObject: { kind: '', name: 'a/b' },
        metric: { name: 'a/b' },
        target: { type: 'Value' },
      },
    },
    [
      'f.object.describedObject.kind: Required value',
      `f.object.describedObject.name: Invalid value: "a/b": may not contain '/'`,
      `f.object.metric.name: Invalid value: "a/b": may not contain '/'`,
      'f.object.target.averageValue: Required value: must set either a target value or averageValue',
    ],
  ],
  [
    'pods without a metric or a value',
    { type: 'Pods', pods: { metric: { name: '' }, target: { type: 'Value', value: '0' } } },
    [
      'f.pods.metric.name: Required value: must specify a metric name',
      'f.pods.target.value: Invalid value: "0": must be positive',
      'f.pods.target.averageValue: Required value: must specify a positive target averageValue',
    ],
  ],
  [
    'external with both values',
    { type: 'External', external: { metric, target: { type: 'Value', value: '1', averageValue: '-1' } } },
    [
      'f.external.target.averageValue: Invalid value: "-1": must be positive',
      'f.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
    ],
  ],
  [
    'a container with nothing right',
    {
      type: 'ContainerResource',
      containerResource: { name: '', container: 'A', target: { type: 'x', averageUtilization: 0 } },
    },
    [
      'f.containerResource.name: Required value: must specify a resource name',
      expect.stringContaining(
        'f.containerResource.container: Invalid value: "A": a lowercase RFC 1123 label',
      ),
      'f.containerResource.target.type: Invalid value: "x": must be either Utilization, Value, or AverageValue',
      'f.containerResource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
  ],
])('%s', (_, spec, errors) => {
  expect(texts(validateMetric('f', spec))).toEqual(errors);
});
