import { expect, test } from 'vitest';
import type { Node, Pod, Service } from '../../api/types.ts';
import { endpointOf } from './endpoint.ts';

const node: Node = { metadata: { name: 'worker', labels: { 'topology.kubernetes.io/zone': 'zone-a' } } };
const pod = (ready: boolean): Pod => ({
  metadata: { name: 'web', namespace: 'ns', uid: '1' },
  spec: { nodeName: 'worker', containers: [] },
  status: {
    podIPs: [{ ip: '10.244.1.5' }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const hints = (service: Service, { ready = true, on = node } = {}) =>
  endpointOf(pod(ready), on, service, 'IPv4')?.hints;
const spread = (trafficDistribution?: string, annotations?: Record<string, string>): Service => ({
  metadata: { name: 'web', ...(annotations ? { annotations } : {}) },
  spec: trafficDistribution === undefined ? {} : { trafficDistribution },
});

test.each([
  [undefined, undefined],
  ['PreferClose', { forZones: [{ name: 'zone-a' }] }],
  ['PreferSameZone', { forZones: [{ name: 'zone-a' }] }],
  ['PreferSameNode', { forNodes: [{ name: 'worker' }], forZones: [{ name: 'zone-a' }] }],
])('trafficDistribution %s hints a ready endpoint', (distribution, expected) => {
  expect(hints(spread(distribution))).toEqual(expected);
  expect(hints(spread(distribution), { ready: false })).toBeUndefined();
});

test('without a zone, or with topology-aware routing asked for, there is nothing to hint', () => {
  expect(hints(spread('PreferClose'), { on: { metadata: { name: 'worker' } } })).toBeUndefined();
  const auto = { 'service.kubernetes.io/topology-mode': 'Auto' };
  expect(hints(spread('PreferClose', auto))).toBeUndefined();
});
