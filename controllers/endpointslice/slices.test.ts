import { describe, expect, test } from 'vitest';
import type { Endpoint, EndpointSlice } from '../../api/types.ts';
import { type EndpointGroup, planSlices } from './slices.ts';

const ports = [{ name: '', port: 80, protocol: 'TCP' }];
const endpoint = (id: number, ready = true): Endpoint => ({
  addresses: [`10.0.${id >> 8}.${id & 255}`],
  conditions: { ready },
  targetRef: { kind: 'Pod', name: `pod-${id}`, uid: `uid-${id}` },
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => endpoint(from + i));
const template = {
  addressType: 'IPv4',
  maxEndpoints: 100,
  metadata: { generateName: 'svc-', namespace: 'default', labels: { 'kubernetes.io/service-name': 'svc' } },
  placeholder: true,
};
const slice = (name: string, endpoints: Endpoint[], of = ports): EndpointSlice => ({
  metadata: { ...template.metadata, name },
  addressType: 'IPv4',
  endpoints,
  ports: of,
});
const group = (endpoints: Endpoint[], of = ports): EndpointGroup => ({ ports: of, endpoints });
const plan = (existing: EndpointSlice[], ...groups: EndpointGroup[]) => {
  const changes = planSlices(existing, groups, template);
  return {
    create: changes.create.map(({ endpoints }) => endpoints?.length),
    update: changes.update.map(({ metadata, endpoints }) => [metadata?.name, endpoints?.length]),
    delete: changes.delete.map(({ metadata }) => metadata?.name),
  };
};

// The cases follow upstream's endpointslice/reconciler_test.go.
describe('planSlices', () => {
  test('250 pods need three slices', () => {
    expect(plan([], group(range(0, 250)))).toEqual({ create: [100, 100, 50], update: [], delete: [] });
  });

  test('nothing to do is nothing written', () => {
    expect(plan([slice('a', range(0, 3))], group(range(0, 3)))).toEqual({
      create: [],
      update: [],
      delete: [],
    });
  });

  test('no endpoints at all leave one placeholder, once', () => {
    expect(plan([])).toEqual({ create: [0], update: [], delete: [] });
    expect(plan([slice('a', [], [])])).toEqual({ create: [], update: [], delete: [] });
    expect(plan([slice('a', range(0, 3))])).toEqual({ create: [], update: [['a', 0]], delete: [] });
  });

  test('the placeholder becomes the first slice', () => {
    expect(plan([slice('a', [], [])], group(range(0, 3)))).toEqual({
      create: [],
      update: [['a', 3]],
      delete: [],
    });
  });

  test('a changed condition rewrites only its slice', () => {
    const existing = [slice('a', range(0, 50)), slice('b', range(50, 100))];
    const wanted = range(0, 100).map((each, id) => (id === 60 ? endpoint(60, false) : each));
    expect(plan(existing, group(wanted))).toEqual({ create: [], update: [['b', 50]], delete: [] });
  });

  test('a slice that is written anyway takes the new endpoints', () => {
    const existing = [slice('a', range(0, 62)), slice('b', range(100, 161))];
    const wanted = [...range(0, 61), ...range(100, 161), ...range(200, 239)];
    expect(plan(existing, group(wanted))).toEqual({ create: [], update: [['a', 100]], delete: [] });
  });

  test('what is left fills the unchanged slice it fills best', () => {
    const existing = [slice('a', range(0, 62)), slice('b', range(100, 161))];
    const wanted = [...range(0, 62), ...range(100, 161), ...range(200, 238)];
    expect(plan(existing, group(wanted))).toEqual({ create: [], update: [['a', 100]], delete: [] });
  });

  test('endpoints with other ports get a slice of their own', () => {
    const other = [{ name: '', port: 8080, protocol: 'TCP' }];
    expect(plan([slice('a', range(0, 2))], group(range(0, 2)), group(range(2, 3), other))).toEqual({
      create: [1],
      update: [],
      delete: [],
    });
    expect(plan([slice('a', range(0, 2)), slice('b', range(2, 3), other)], group(range(0, 2)))).toEqual({
      create: [],
      update: [],
      delete: ['b'],
    });
  });

  test('labels of the Service are carried over to unchanged slices', () => {
    const stale = slice('a', range(0, 3));
    stale.metadata = { ...stale.metadata, labels: {} };
    const changes = planSlices([stale], [group(range(0, 3))], template);
    expect(changes.update.map(({ metadata }) => metadata?.labels)).toEqual([template.metadata.labels]);
  });
});
