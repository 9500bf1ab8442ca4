import { expect, test } from 'vitest';
import type { ContainerPort, Pod } from '../../api/types.ts';
import { portRefusal } from './host-ports.ts';
import type { PodState } from './state.ts';

const pod = (uid: string, phase: string, ...ports: Partial<ContainerPort>[]): Pod => ({
  metadata: { uid },
  spec: { containers: [{ name: 'c', ports: ports.map((port) => ({ containerPort: 80, ...port })) }] },
  status: { phase },
});
const state = (one: Pod, more: Partial<PodState> = {}): PodState => ({
  ...{ uid: one.metadata?.uid ?? '', dir: '', pod: one, startTime: '', ips: [], netns: undefined },
  ...{ sandboxReady: true, released: false, containers: new Map() },
  ...more,
});

test.each<[string, Partial<ContainerPort>, PodState, boolean]>([
  ['the same port', { hostPort: 80 }, state(pod('b', 'Running', { hostPort: 80 })), true],
  ['another port', { hostPort: 81 }, state(pod('b', 'Running', { hostPort: 80 })), false],
  [
    'another protocol',
    { hostPort: 80, protocol: 'UDP' },
    state(pod('b', 'Running', { hostPort: 80 })),
    false,
  ],
  [
    'one address of all',
    { hostPort: 80, hostIP: '127.0.0.1' },
    state(pod('b', 'Running', { hostPort: 80 })),
    true,
  ],
  [
    'other addresses',
    { hostPort: 80, hostIP: '127.0.0.1' },
    state(pod('b', 'Running', { hostPort: 80, hostIP: '127.0.0.2' })),
    false,
  ],
  ['a pod that has ended', { hostPort: 80 }, state(pod('b', 'Failed', { hostPort: 80 })), false],
  [
    'one that has not begun',
    { hostPort: 80 },
    state(pod('b', 'Pending', { hostPort: 80 }), { sandboxReady: false }),
    false,
  ],
  [
    'one that was let in before and has not begun',
    { hostPort: 80 },
    state(pod('b', 'Pending', { hostPort: 80 }), { sandboxReady: false, admitted: true }),
    true,
  ],
  ['itself', { hostPort: 80 }, state(pod('a', 'Running', { hostPort: 80 })), false],
])('beside %s', (_, port, other, refused) => {
  expect(portRefusal(pod('a', 'Pending', port), [other])?.reason).toBe(refused ? 'NodePorts' : undefined);
});
