import { expect, test } from 'vitest';
import type { KubeObject } from '../../../api/object.ts';
import type {
  CoreEvent,
  Deployment,
  EndpointSlice,
  Endpoints,
  Node,
  ReplicaSet,
  Service,
} from '../../../api/types.ts';
import type { Cell, Column } from '../../registry/strategy.ts';
import { toTable } from '../table.ts';
import { endpointSliceColumns, endpointsColumns } from './endpoints.ts';
import { eventColumns } from './events.ts';
import { nodeColumns } from './nodes.ts';
import { serviceColumns } from './services.ts';
import { deploymentColumns, replicaSetColumns } from './workloads.ts';

const now = Date.parse('2025-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const row = <T extends KubeObject>(columns: readonly Column<T>[], object: T): Cell[] | undefined =>
  toTable(columns, [object], { now }).rows[0]?.cells;

test.each<[string, Service, Cell[]]>([
  [
    'ClusterIP',
    { spec: { type: 'ClusterIP', clusterIPs: ['10.96.0.1'], ports: [{ port: 443, protocol: 'TCP' }] } },
    ['ClusterIP', '10.96.0.1', '<none>', '443/TCP'],
  ],
  [
    'NodePort',
    {
      spec: {
        type: 'NodePort',
        clusterIPs: ['10.96.0.2'],
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
      },
    },
    ['NodePort', '10.96.0.2', '<none>', '80:30080/TCP,53/UDP'],
  ],
  [
    'LoadBalancer without an address',
    { spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.3'], ports: [{ port: 80, protocol: 'TCP' }] } },
    ['LoadBalancer', '10.96.0.3', '<pending>', '80/TCP'],
  ],
  [
    'LoadBalancer',
    {
      spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.3'], externalIPs: ['1.2.3.4'] },
      status: { loadBalancer: { ingress: [{ ip: '5.6.7.8' }, { hostname: 'a.example' }] } },
    },
    ['LoadBalancer', '10.96.0.3', '5.6.7.8,a.example,1.2.3.4', '<none>'],
  ],
  [
    'headless',
    { spec: { type: 'ClusterIP', clusterIPs: ['None'] } },
    ['ClusterIP', 'None', '<none>', '<none>'],
  ],
  [
    'ExternalName',
    { spec: { type: 'ExternalName', externalName: 'db.example' } },
    ['ExternalName', '<none>', 'db.example', '<none>'],
  ],
])('Service %s', (_what, object, cells) => {
  expect(row(serviceColumns, object)?.slice(1, 5)).toEqual(cells);
});

test('Endpoints: three, and how many more', () => {
  const endpoints = (count: number, ports?: { port: number }[]): Endpoints => ({
    subsets: [
      {
        addresses: Array.from({ length: count }, (_, index) => ({ ip: `10.0.0.${index + 1}` })),
        ...(ports ? { ports } : {}),
      },
    ],
  });
  expect(row(endpointsColumns, {})?.[1]).toBe('<none>');
  expect(row(endpointsColumns, endpoints(2, [{ port: 80 }]))?.[1]).toBe('10.0.0.1:80,10.0.0.2:80');
  expect(row(endpointsColumns, endpoints(5, [{ port: 80 }]))?.[1]).toBe(
    '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...',
  );
  expect(row(endpointsColumns, endpoints(1))?.[1]).toBe('10.0.0.1');
  expect(
    row(endpointsColumns, { subsets: [{ addresses: [{ ip: 'fd00::1' }], ports: [{ port: 80 }] }] })?.[1],
  ).toBe('[fd00::1]:80');
});

test('EndpointSlices', () => {
  const slice = (endpoints: string[], ports: (number | undefined)[]): EndpointSlice => ({
    addressType: 'IPv4',
    endpoints: endpoints.map((address) => ({ addresses: [address] })),
    ports: ports.map((port) => (port === undefined ? {} : { port })),
  });
  expect(row(endpointSliceColumns, slice([], []))?.slice(1, 4)).toEqual(['IPv4', '<unset>', '<unset>']);
  expect(row(endpointSliceColumns, slice(['a', 'b', 'c', 'd'], [80, undefined]))?.slice(2, 4)).toEqual([
    '80,*',
    'a,b,c + 1 more...',
  ]);
});

test('Deployments and ReplicaSets', () => {
  const selector = {
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [{ key: 'c', operator: 'In', values: ['y', 'x'] }],
  };
  const template = {
    spec: {
      containers: [
        { name: 'a', image: 'i' },
        { name: 'b', image: 'j' },
      ],
    },
  };
  const deployment: Deployment = {
    metadata: { name: 'd', creationTimestamp: ago(60) },
    spec: { replicas: 3, selector, template },
    status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
  };
  expect(row(deploymentColumns, deployment)).toEqual([
    'd',
    '1/3',
    2,
    1,
    '60s',
    'a,b',
    'i,j',
    'a=1,b=2,c in (x,y)',
  ]);
  const replicaSet: ReplicaSet = {
    metadata: { name: 'r' },
    spec: { replicas: 3, selector, template },
    status: { replicas: 2, readyReplicas: 1 },
  };
  expect(row(replicaSetColumns, replicaSet)?.slice(0, 5)).toEqual(['r', 3, 2, 1, '<unknown>']);
});

test('Nodes', () => {
  const node: Node = {
    metadata: {
      name: 'n',
      labels: {
        'node-role.kubernetes.io/control-plane': '',
        'node-role.kubernetes.io/': '',
        'kubernetes.io/role': 'z',
      },
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '172.18.0.2' }],
    },
  };
  expect(row(nodeColumns, node)).toEqual([
    'n',
    'Ready,SchedulingDisabled',
    'control-plane,z',
    '<unknown>',
    '',
    '172.18.0.2',
    '<none>',
    '<unknown>',
    '<unknown>',
    '<unknown>',
  ]);
  expect(row(nodeColumns, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } })?.[1]).toBe(
    'NotReady',
  );
  expect(row(nodeColumns, {})?.slice(1, 3)).toEqual(['Unknown', '<none>']);
});

test('Events', () => {
  const event: CoreEvent = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
    type: 'Warning',
    reason: 'BackOff',
    message: ' restarting ',
    source: { component: 'kubelet', host: 'worker' },
    firstTimestamp: ago(60),
    lastTimestamp: ago(5),
    count: 4,
  };
  expect(row(eventColumns, event)).toEqual([
    '5s',
    'Warning',
    'BackOff',
    'pod/web',
    'spec.containers{a}',
    'kubelet, worker',
    'restarting',
    '60s',
    4,
    'e',
  ]);
  const { firstTimestamp: _, lastTimestamp: __, count: ___, ...rest } = event;
  const series = { ...rest, eventTime: ago(90), series: { count: 2, lastObservedTime: ago(3) } };
  expect(row(eventColumns, series)?.[0]).toBe('3s');
  expect(row(eventColumns, series)?.[8]).toBe(3);
});
