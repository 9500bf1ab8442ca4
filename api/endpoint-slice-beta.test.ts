import { expect, test } from 'vitest';
import { sliceFromBeta, sliceToBeta } from './endpoint-slice-beta.ts';
import type { Endpoint } from './types.ts';

const slice = (...endpoints: object[]) => ({
  metadata: { name: 'web-1' },
  addressType: 'IPv4',
  endpoints: endpoints as Endpoint[],
  ports: [],
});

test('the map of where an endpoint is becomes fields', () => {
  const topology = {
    'kubernetes.io/hostname': 'worker',
    'topology.kubernetes.io/zone': 'a',
    'topology.kubernetes.io/region': 'r',
  };
  expect(sliceFromBeta(slice({ addresses: ['10.0.0.1'], topology }))).toMatchObject({
    apiVersion: 'discovery.k8s.io/v1',
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        nodeName: 'worker',
        zone: 'a',
        deprecatedTopology: { 'topology.kubernetes.io/region': 'r' },
      },
    ],
  });
  expect(sliceFromBeta(slice({ addresses: [], topology: {} })).endpoints).toEqual([{ addresses: [] }]);
});

test.each([
  { addresses: ['10.0.0.1'] },
  { addresses: ['10.0.0.1'], nodeName: 'worker', zone: 'a' },
  { addresses: ['10.0.0.1'], deprecatedTopology: { other: 'x' } },
  { addresses: ['10.0.0.1'], nodeName: 'worker', deprecatedTopology: { 'kubernetes.io/hostname': 'else' } },
])('%j is the same after v1beta1 and back', (endpoint) => {
  expect(sliceFromBeta(sliceToBeta(slice(endpoint))).endpoints).toEqual([endpoint]);
});

test('v1beta1 has no endpoints that are null', () => {
  expect(sliceFromBeta({ addressType: 'IPv4', endpoints: null, ports: [] }).endpoints).toEqual([]);
});
