import { describe, expect, test } from 'vitest';
import type { Node, Pod, PodDisruptionBudget } from '../../api/types.ts';
import { decide } from './decide.ts';

const node = (name: string, cpu = '2'): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: { allocatable: { cpu, pods: '10' }, conditions: [{ type: 'Ready', status: 'True' }] },
});
const pod = (name: string, priority: number, cpu: string, more: Partial<Pod> = {}): Pod => ({
  metadata: { name, namespace: 'default', uid: name, labels: { app: name }, ...more.metadata },
  spec: { priority, containers: [{ name: 'c', resources: { requests: { cpu } } }], ...more.spec },
  status: { startTime: '2025-01-01T00:00:00Z', ...more.status },
});
const budget = (app: string, disruptionsAllowed: number): PodDisruptionBudget => ({
  metadata: { name: app, namespace: 'default' },
  spec: { selector: { matchLabels: { app } } },
  status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
});
const started = (minute: number) => ({ status: { startTime: `2025-01-01T00:0${minute}:00Z` } });

function preempted(
  incoming: Pod,
  nodes: [Node, ...Pod[]][],
  budgets: PodDisruptionBudget[] = [],
): string | undefined {
  const snapshot = {
    nodes: nodes.map(([info, ...pods]) => ({ node: info, pods })),
    namespaceOf: () => undefined,
  };
  const decision = decide(incoming, snapshot, budgets);
  if (!('preemption' in decision) || !decision.preemption) return undefined;
  const { node: on, victims } = decision.preemption;
  return `${on}: ${victims.map(({ metadata }) => metadata?.name).join(' ')}`;
}

describe('who must go', () => {
  const high = pod('high', 100, '1');

  test.each<[string, [Node, ...Pod[]][], PodDisruptionBudget[], string | undefined]>([
    ['nobody of the same priority', [[node('a'), pod('p', 100, '2')]], [], undefined],
    ['no more than is needed', [[node('a'), pod('p', 1, '1'), pod('q', 2, '1')]], [], 'a: p'],
    [
      'of the same priority the youngest',
      [[node('a'), pod('old', 1, '1', started(1)), pod('young', 1, '1', started(2))]],
      [],
      'a: young',
    ],
    [
      'rather those whose budget gives it',
      [[node('a'), pod('kept', 1, '1'), pod('free', 2, '1')]],
      [budget('kept', 0), budget('free', 1)],
      'a: free',
    ],
    [
      'where no budget is broken',
      [
        [node('a'), pod('kept', 1, '2')],
        [node('b'), pod('free', 50, '2')],
      ],
      [budget('kept', 0)],
      'b: free',
    ],
    ['although a budget is broken', [[node('a'), pod('kept', 1, '2')]], [budget('kept', 0)], 'a: kept'],
    [
      'where the most important one is least important',
      [
        [node('a'), pod('p', 9, '2')],
        [node('b'), pod('q', 5, '2')],
      ],
      [],
      'b: q',
    ],
    [
      'where the sum of priorities is least, negative ones too',
      [
        [node('a'), pod('p', 5, '2')],
        [node('b'), pod('q', 5, '1.5'), pod('r', -5, '0.5', started(1))],
      ],
      [],
      'a: p',
    ],
    [
      'where they began last',
      [
        [node('a'), pod('p', 5, '2', started(1))],
        [node('b'), pod('q', 5, '2', started(2))],
      ],
      [],
      'b: q',
    ],
    ['nobody, where it does not help', [[node('a', '0.5'), pod('p', 1, '0.5')]], [], undefined],
  ])('%s', (_, nodes, budgets, expected) => {
    expect(preempted(high, nodes, budgets)).toBe(expected);
  });
});

test('says in upstream’s words why nobody is asked to go', () => {
  const full = { node: node('a'), pods: [pod('p', 1, '2')] };
  const small = { node: node('b', '0.5'), pods: [] };
  const snapshot = { nodes: [full, small], namespaceOf: () => undefined };
  const never = pod('never', 100, '1');
  if (never.spec) never.spec.preemptionPolicy = 'Never';
  expect(decide(never, snapshot, [])).toEqual({
    message:
      '0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
  });
  expect(decide(pod('equal', 1, '1'), snapshot, [])).toEqual({
    message:
      '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: ' +
      '1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  });
});

test('room that was promised is kept from others that are not more important', () => {
  const promised = pod('promised', 100, '2', { status: { nominatedNodeName: 'a' } });
  const snapshot = {
    nodes: [{ node: node('a'), pods: [] }],
    namespaceOf: () => undefined,
    nominated: [promised],
  };
  expect(decide(pod('other', 100, '1'), snapshot, [])).toMatchObject({
    message: expect.stringContaining('1 Insufficient cpu'),
  });
  expect(decide(pod('higher', 101, '1'), snapshot, [])).toEqual({ node: 'a' });
  expect(decide(promised, snapshot, [])).toEqual({ node: 'a' });
});

test('while pods are going for it nobody else is asked to', () => {
  const going = pod('going', 1, '2', {
    metadata: { name: 'going', deletionTimestamp: '2025-01-01T00:00:00Z' },
    status: {
      conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }],
    },
  });
  const nodes = [
    { node: node('a'), pods: [going] },
    { node: node('b'), pods: [pod('p', 1, '2')] },
  ];
  const waiting = pod('high', 100, '1', { status: { nominatedNodeName: 'a' } });
  expect(decide(waiting, { nodes, namespaceOf: () => undefined }, [])).toEqual({
    message:
      '0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node.',
    waits: true,
  });
});
