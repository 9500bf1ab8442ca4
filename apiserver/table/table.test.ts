import { expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type {
  ContainerState,
  ContainerStatus,
  CoreEvent,
  Deployment,
  EndpointSlice,
  Endpoints,
  Node,
  Pod,
  ReplicaSet,
  Service,
} from '../../api/types.ts';
import type { Cell, Column } from '../registry/strategy.ts';
import { endpointSliceColumns, endpointsColumns } from './columns/endpoints.ts';
import { eventColumns } from './columns/events.ts';
import { nodeColumns } from './columns/nodes.ts';
import { podColumns } from './columns/pods.ts';
import { serviceColumns } from './columns/services.ts';
import { deploymentColumns, replicaSetColumns } from './columns/workloads.ts';
import { humanDuration, since } from './duration.ts';
import { toTable } from './table.ts';

const now = Date.parse('2025-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const row = <T extends KubeObject>(columns: readonly Column<T>[], object: T): Cell[] | undefined =>
  toTable(columns, [object], { now }).rows[0]?.cells;

/** Facts of upstream's `duration_test.go`. */
test.each([
  [0, '0s'],
  [-1, '0s'],
  [-2, '<invalid>'],
  [1, '1s'],
  [70, '70s'],
  [119, '119s'],
  [120, '2m'],
  [138, '2m18s'],
  [599, '9m59s'],
  [600, '10m'],
  [3 * 3600 - 1, '179m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 60, '3h1m'],
  [8 * 3600, '8h'],
  [48 * 3600 - 1, '47h'],
  [48 * 3600, '2d'],
  [5 * 86400 + 3600, '5d1h'],
  [8 * 86400, '8d'],
  [365 * 86400, '365d'],
  [2 * 365 * 86400, '2y'],
  [2 * 365 * 86400 + 86400, '2y1d'],
  [8 * 365 * 86400, '8y'],
])('%i seconds are %s', (seconds, text) => {
  expect(humanDuration(seconds * 1000)).toBe(text);
});

test('an absent timestamp is unknown', () => {
  expect(since(undefined, now)).toBe('<unknown>');
});

test('a Table has definitions of all columns, rows carry metadata', () => {
  const service: Service = {
    metadata: { name: 'a', creationTimestamp: ago(5) },
    spec: { type: 'ClusterIP' },
  };
  const table = toTable(serviceColumns, [service], { now, metadata: { resourceVersion: '7' } });
  expect(table).toMatchObject({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '7' },
  });
  expect(table.columnDefinitions[0]).toMatchObject({
    name: 'Name',
    type: 'string',
    format: 'name',
    priority: 0,
  });
  expect(table.columnDefinitions.filter(({ priority }) => priority === 1).map(({ name }) => name)).toEqual([
    'Selector',
  ]);
  expect(table.rows[0]?.object).toEqual({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: service.metadata,
  });
  expect(toTable(serviceColumns, [service], { now, includeObject: 'Object' }).rows[0]?.object).toBe(service);
  expect(toTable(serviceColumns, [service], { now, includeObject: 'None' }).rows[0]?.object).toBeNull();
  expect(toTable(serviceColumns, [], { now, columnDefinitions: false }).columnDefinitions).toEqual([]);
  expect(toTable(undefined, [service], { now }).rows[0]?.cells).toEqual(['a', ago(5)]);
});

const container = (state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'a',
  image: 'x',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const running = { running: { startedAt: ago(9) } };
const pod = (status: Pod['status'], spec: Partial<NonNullable<Pod['spec']>> = {}, deleted = false): Pod => ({
  metadata: { name: 'p', ...(deleted ? { deletionTimestamp: ago(0) } : {}) },
  spec: { containers: [{ name: 'a' }, { name: 'b' }], ...spec },
  ...(status ? { status } : {}),
});

/** Facts of upstream's TestPrintPod. */
test.each<[string, Pod, string, string, string]>([
  ['pending', pod({ phase: 'Pending' }), '0/2', 'Pending', '0'],
  [
    'running',
    pod({
      phase: 'Running',
      containerStatuses: [container(running, { ready: true }), container({}, { restartCount: 3 })],
    }),
    '1/2',
    'Running',
    '3',
  ],
  [
    'restarted a while ago',
    pod({
      phase: 'Running',
      containerStatuses: [
        container(running, {
          ready: true,
          restartCount: 1,
          lastState: { terminated: { exitCode: 1, finishedAt: ago(5) } },
        }),
      ],
    }),
    '1/2',
    'Running',
    '1 (5s ago)',
  ],
  [
    'waiting',
    pod({
      phase: 'Running',
      containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 4 })],
    }),
    '0/2',
    'CrashLoopBackOff',
    '4',
  ],
  [
    'unknown image',
    pod({ phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ErrImagePull' } })] }),
    '0/2',
    'ErrImagePull',
    '0',
  ],
  [
    'exit code',
    pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
    '0/2',
    'ExitCode:3',
    '0',
  ],
  [
    'signal',
    pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 0, signal: 9 } })] }),
    '0/2',
    'Signal:9',
    '0',
  ],
  [
    'completed',
    pod({
      phase: 'Succeeded',
      containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })],
    }),
    '0/2',
    'Completed',
    '0',
  ],
  [
    'one completed, one runs and is ready',
    pod({
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        container({ terminated: { exitCode: 0, reason: 'Completed' } }),
        container(running, { ready: true }),
      ],
    }),
    '1/2',
    'Running',
    '0',
  ],
  [
    'one completed, one runs and the pod is not ready',
    pod({
      phase: 'Running',
      containerStatuses: [
        container({ terminated: { exitCode: 0, reason: 'Completed' } }),
        container(running, { ready: true }),
      ],
    }),
    '1/2',
    'NotReady',
    '0',
  ],
  [
    'initializing',
    pod(
      { phase: 'Pending', initContainerStatuses: [container({ waiting: { reason: 'PodInitializing' } })] },
      { initContainers: [{ name: 'a' }] },
    ),
    '0/2',
    'Init:0/1',
    '0',
  ],
  [
    'init failed',
    pod(
      {
        phase: 'Pending',
        initContainerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })],
      },
      { initContainers: [{ name: 'a' }] },
    ),
    '0/2',
    'Init:Error',
    '0',
  ],
  ['evicted', pod({ phase: 'Failed', reason: 'Evicted' }), '0/2', 'Evicted', '0'],
  ['deleted', pod({ phase: 'Running' }, {}, true), '0/2', 'Terminating', '0'],
  ['deleted on a lost node', pod({ phase: 'Running', reason: 'NodeLost' }, {}, true), '0/2', 'Unknown', '0'],
  ['deleted when ended', pod({ phase: 'Succeeded' }, {}, true), '0/2', 'Succeeded', '0'],
])('pod %s', (_what, object, ready, status, restarts) => {
  expect(row(podColumns, object)?.slice(0, 4)).toEqual(['p', ready, status, restarts]);
});

test('a sidecar counts as a container', () => {
  const object = pod(
    {
      phase: 'Running',
      initContainerStatuses: [container(running, { name: 's', ready: true, started: true })],
      containerStatuses: [container(running, { ready: true })],
    },
    { initContainers: [{ name: 's', restartPolicy: 'Always' }], containers: [{ name: 'a' }] },
  );
  expect(row(podColumns, object)?.slice(1, 3)).toEqual(['2/2', 'Running']);
});

test('wide columns of pods', () => {
  expect(row(podColumns, pod({ phase: 'Pending' }))?.slice(5)).toEqual([
    '<none>',
    '<none>',
    '<none>',
    '<none>',
  ]);
  const placed = pod(
    { phase: 'Running', podIPs: [{ ip: '10.244.1.5' }], conditions: [{ type: 'g', status: 'True' }] },
    { nodeName: 'worker', readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }] },
  );
  expect(row(podColumns, placed)?.slice(5)).toEqual(['10.244.1.5', 'worker', '<none>', '1/2']);
});

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
