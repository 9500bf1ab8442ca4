import { describe, expect, test } from 'vitest';
import type { Pod, ReplicaSet } from '../../api/types.ts';
import { slowStart } from '../pod-control.ts';
import { createExpectations } from './expectations.ts';
import { podsToDelete } from './ranking.ts';
import { calculateStatus } from './replicaset.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();

interface PodFacts {
  node?: string;
  phase?: string;
  /** Ready for so many seconds. */
  ready?: number;
  restarts?: number;
  age?: number;
  cost?: string;
}

function pod(name: string, { node, phase = 'Running', ready, restarts = 0, age = 100, cost }: PodFacts): Pod {
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: ago(age),
      ...(cost ? { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } } : {}),
    },
    spec: { containers: [], ...(node ? { nodeName: node } : {}) },
    status: {
      phase,
      ...(ready === undefined
        ? {}
        : { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(ready) }] }),
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: restarts }],
    },
  };
}

describe('podsToDelete', () => {
  const cases: [string, Pod, Pod][] = [
    ['unassigned before assigned', pod('a', { phase: 'Pending' }), pod('b', { node: 'n', phase: 'Pending' })],
    ['pending before running', pod('a', { node: 'n', phase: 'Pending' }), pod('b', { node: 'n' })],
    ['not ready before ready', pod('a', { node: 'n' }), pod('b', { node: 'n', ready: 50 })],
    [
      'cheaper before dearer',
      pod('a', { node: 'n', ready: 90, cost: '-1' }),
      pod('b', { node: 'n', ready: 9 }),
    ],
    ['ready for a shorter time', pod('a', { node: 'n', ready: 5 }), pod('b', { node: 'n', ready: 90 })],
    ['more restarts', pod('a', { node: 'n', restarts: 3 }), pod('b', { node: 'n' })],
    ['younger before older', pod('a', { node: 'n', age: 2 }), pod('b', { node: 'n', age: 90 })],
  ];
  test.each(cases)('%s', (_name, first, second) => {
    expect(podsToDelete([second, first], [], 1, now)).toEqual([first]);
    expect(podsToDelete([first, second], [], 1, now)).toEqual([first]);
  });

  test('pods on nodes with more siblings go first', () => {
    const [a, b, c] = [
      pod('a', { node: 'n1', ready: 50 }),
      pod('b', { node: 'n2', ready: 50 }),
      pod('c', { node: 'n2', ready: 50 }),
    ];
    expect(podsToDelete([a, b, c], [a, b, c], 1, now)).not.toContain(a);
  });
});

test('slowStart doubles its batches and stops after one that failed', async () => {
  const running: number[] = [];
  let open = 0;
  await slowStart(Array(15).fill(0), async () => {
    running.push(++open);
    await Promise.resolve();
    open--;
  });
  // How many ran at once: 1 to 4, then 1 to 8, then the remaining 3.
  expect(running).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3]);

  let tried = 0;
  const failing = slowStart(Array(100).fill(0), async () => {
    tried++;
    if (tried > 4) throw new Error('quota');
  });
  await expect(failing).rejects.toThrow('quota');
  expect(tried).toBe(12);
});

test('expectations hold until every object was seen', () => {
  const expectations = createExpectations();
  expectations.created('default/rs', 'a');
  expectations.deleting('default/rs', 'b');
  expectations.observed('default/rs', 'a');
  expect(expectations.satisfied('default/rs')).toBe(false);
  expectations.observed('default/rs', 'b');
  expect(expectations.satisfied('default/rs')).toBe(true);
});

test('a pod is available only after minReadySeconds', () => {
  const replicaSet: ReplicaSet = {
    metadata: { generation: 2 },
    spec: { replicas: 3, minReadySeconds: 30, selector: {} },
  };
  const pods = [pod('a', { ready: 60 }), pod('b', { ready: 10 }), pod('c', {})];
  const { status, requeueAfter } = calculateStatus(replicaSet, pods, undefined, new Date(now));
  expect(status).toMatchObject({
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 2,
  });
  expect(requeueAfter).toBe(20_001);
});
