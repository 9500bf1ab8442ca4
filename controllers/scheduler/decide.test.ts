import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '../../api/types.ts';
import { decide } from './decide.ts';
import type { Snapshot } from './filters.ts';
import { parseQuantity, podRequests } from './resources.ts';

const node = (name: string, spec: Node['spec'] = {}, labels: Record<string, string> = {}): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec,
  status: {
    allocatable: { cpu: '2', memory: '1Gi', pods: '10' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
const pod = (name: string, spec: Partial<Pod['spec']> = {}, labels: Record<string, string> = {}): Pod => ({
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    labels,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
  },
  spec: { containers: [{ name: 'c' }], ...spec },
});
const cpu = (amount: string): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', resources: { requests: { cpu: amount } } }],
});
const snapshot = (...nodes: [Node, ...Pod[]][]): Snapshot => ({
  nodes: nodes.map(([info, ...pods]) => ({ node: info, pods })),
  namespaceOf: () => undefined,
});
const taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

describe('decide', () => {
  test('spreads the pods of a controller before it evens out nodes', () => {
    const other = { ...pod('x'), metadata: { name: 'x', uid: 'x' } };
    expect(decide(pod('p'), snapshot([node('a'), pod('q')], [node('b'), other, other]))).toEqual({
      node: 'b',
    });
    expect(decide(pod('p'), snapshot([node('a'), other], [node('b')]))).toEqual({ node: 'b' });
  });

  test('says in upstream’s words why no node fits', () => {
    expect(decide(pod('p'), snapshot())).toEqual({ message: 'no nodes available to schedule pods' });
    const nodes = snapshot([node('a', { taints: [taint] })], [node('b'), pod('q', cpu('1500m'))]);
    expect(decide(pod('p', cpu('1')), nodes)).toEqual({
      message:
        '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }. ' +
        'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    });
  });

  test('a node that is not ready counts as tainted', () => {
    const silent = { ...node('a'), status: {} };
    expect(decide(pod('p'), snapshot([silent]))).toMatchObject({
      message: expect.stringContaining('untolerated taint {node.kubernetes.io/not-ready: }'),
    });
    const tolerations = [{ operator: 'Exists' }];
    const allocatable = { ...silent, status: { allocatable: { cpu: '2' } } };
    expect(decide(pod('p', { tolerations }), snapshot([allocatable]))).toEqual({ node: 'a' });
  });

  test.each([
    ['unschedulable', node('a', { unschedulable: true }), {}, '1 node(s) were unschedulable'],
    [
      'node selector',
      node('a'),
      { nodeSelector: { disk: 'ssd' } },
      "1 node(s) didn't match Pod's node affinity/selector",
    ],
    ['too much cpu', node('a'), cpu('3'), '1 Insufficient cpu'],
    [
      'spread over an unlabelled topology',
      node('a'),
      {
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      },
      "1 node(s) didn't match pod topology spread constraints (missing required label)",
    ],
  ])('%s', (_name, on, spec, reason) => {
    expect(decide(pod('p', spec), snapshot([on]))).toMatchObject({
      message: expect.stringContaining(reason),
    });
  });

  test('host ports conflict by address and protocol', () => {
    const port = (hostIP?: string, protocol?: string) => ({
      containers: [
        {
          name: 'c',
          ports: [
            {
              containerPort: 80,
              hostPort: 80,
              ...(hostIP ? { hostIP } : {}),
              ...(protocol ? { protocol } : {}),
            },
          ],
        },
      ],
    });
    const taken = snapshot([node('a'), pod('q', port('127.0.0.1'))]);
    expect(decide(pod('p', port()), taken)).toHaveProperty('message');
    expect(decide(pod('p', port('10.0.0.1')), taken)).toEqual({ node: 'a' });
    expect(decide(pod('p', port('127.0.0.1', 'UDP')), taken)).toEqual({ node: 'a' });
  });

  test('required anti-affinity keeps pods apart, whoever asks for it', () => {
    const apart: Partial<Pod['spec']> = {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
          ],
        },
      },
    };
    const web = { app: 'web' };
    expect(decide(pod('p', apart, web), snapshot([node('a'), pod('q', {}, web)], [node('b')]))).toEqual({
      node: 'b',
    });
    expect(decide(pod('p', {}, web), snapshot([node('a'), pod('q', apart, web)]))).toMatchObject({
      message: expect.stringContaining("node(s) didn't satisfy existing pods anti-affinity rules"),
    });
  });

  test('the first pod of a group that wants company may go anywhere', () => {
    const near: Partial<Pod['spec']> = {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
          ],
        },
      },
    };
    const web = { app: 'web' };
    expect(decide(pod('p', near, web), snapshot([node('a')], [node('b')]))).toEqual({ node: 'a' });
    expect(decide(pod('p', near, web), snapshot([node('a')], [node('b'), pod('q', {}, web)]))).toEqual({
      node: 'b',
    });
  });

  test('maxSkew holds over all domains', () => {
    const spread: Partial<Pod['spec']> = {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    };
    const web = { app: 'web' };
    const zone = (name: string) => node(name, {}, { zone: name });
    const full = decide(
      pod('p', spread, web),
      snapshot([zone('a'), pod('q', {}, web)], [{ ...zone('b'), spec: { taints: [taint] } }]),
    );
    expect(full).toMatchObject({
      message: expect.stringContaining("1 node(s) didn't match pod topology spread constraints"),
    });
  });
});

test('quantities and requests', () => {
  expect([parseQuantity('100m'), parseQuantity('64Ki'), parseQuantity('1e3'), parseQuantity('2k')]).toEqual([
    0.1,
    64 * 2 ** 10,
    1000,
    2000,
  ]);
  expect(() => parseQuantity('lots')).toThrow('"lots"');
  const requests = (amount: string) => ({ resources: { requests: { cpu: amount } } });
  const spec = {
    containers: [
      { name: 'a', ...requests('1') },
      { name: 'b', ...requests('1') },
    ],
    initContainers: [{ name: 'i', ...requests('5') }],
  };
  expect(podRequests(pod('p', spec))).toEqual({ cpu: 5 });
});
