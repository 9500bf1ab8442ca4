import { expect, test } from 'vitest';
import type { KubeObject } from '../../../api/object.ts';
import type { ContainerState, ContainerStatus, Pod } from '../../../api/types.ts';
import type { Cell, Column } from '../../registry/strategy.ts';
import { toTable } from '../table.ts';
import { podColumns } from './pods.ts';

const now = Date.parse('2025-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const row = <T extends KubeObject>(columns: readonly Column<T>[], object: T): Cell[] | undefined =>
  toTable(columns, [object], { now }).rows[0]?.cells;

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
