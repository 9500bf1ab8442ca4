import { expect, test } from 'vitest';
import type { Pod, StatefulSet, StatefulSetSpec } from '../../api/types.ts';
import { planStatefulSet, type Step, statusOf } from './plan.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const set = (replicas: number, spec: Partial<StatefulSetSpec> = {}): StatefulSet => ({
  metadata: { name: 'web', generation: 1 },
  spec: {
    replicas,
    selector: {},
    template: {},
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    ...spec,
  },
});
/** `0` ready, `1?` not ready, `2-` ending, `3!` failed, `4'` ready and of the new revision, `5~` of it and not ready. */
const pods = (text: string): Pod[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const [ordinal, mark = ''] = [Number.parseInt(word, 10), word.at(-1)];
      return {
        metadata: {
          name: `web-${ordinal}`,
          labels: { 'controller-revision-hash': mark === "'" || mark === '~' ? 'new' : 'old' },
          ...(mark === '-' ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
        },
        status: {
          phase: mark === '!' ? 'Failed' : 'Running',
          conditions: [{ type: 'Ready', status: ['?', '!', '~'].includes(mark) ? 'False' : 'True' }],
        },
      };
    });
const revisions = { current: 'old', update: 'new' };
const still = { current: 'old', update: 'old' };
const show = (steps: Step[]) =>
  steps
    .map((step) => ('create' in step ? `+${step.create}` : `-${step.remove.metadata?.name?.slice(4)}`))
    .join(' ');
const parallel = { podManagementPolicy: 'Parallel' };
const partition = (number: number) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: number } },
});

const unavailable = (maxUnavailable: number | string) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1, maxUnavailable } },
});

test.each<[string, StatefulSet, string, typeof revisions, string]>([
  ['the first', set(3), '', still, '+0'],
  ['waits for the one before', set(3), '0?', still, ''],
  ['then the next', set(3), '0', still, '+1'],
  ['all at once', set(3, parallel), '0?', still, '+1 +2'],
  ['failed ones are replaced', set(2), '0! 1', still, '-0'],
  ['an ending one is waited for', set(2), '0- 1', still, ''],
  ['scaled down from the end', set(1), '0 1 2', still, '-2'],
  ['scaling down waits for its turn', set(1), '0 1 2-', still, ''],
  ['scaling down waits for the healthy', set(1), '0? 1 2', still, ''],
  ['all beyond at once', set(1, parallel), '0 1 2', still, '-2 -1'],
  ['updated from the end', set(3), '0 1 2', revisions, '-2'],
  ['an update waits for each', set(3), '0 1 2~', revisions, ''],
  ['and goes on', set(3), "0 1 2'", revisions, '-1'],
  ['down to the partition', set(3, partition(2)), "0 1 2'", revisions, ''],
  ['not on its own', set(3, { updateStrategy: { type: 'OnDelete' } }), '0 1 2', revisions, ''],
  ['several at a time', set(4, unavailable(2)), '0 1 2 3', revisions, '-3 -2'],
  ['as a share, rounded down', set(4, unavailable('60%')), "0 1 2 3'", revisions, '-2 -1'],
  ['one at least', set(4, unavailable('10%')), '0 1 2 3', revisions, '-3'],
  ['less those that are not there', set(4, { ...unavailable(2), ...parallel }), "0? 1 2 3'", revisions, '-2'],
  ['none while too few are', set(4, { ...unavailable(2), ...parallel }), '0 1 2? 3~', revisions, ''],
  ['ordinals may begin later', set(2, { ordinals: { start: 5 } }), '5', still, '+6'],
])('%s', (_what, of, text, names, expected) => {
  expect(show(planStatefulSet(of, names, pods(text), now))).toBe(expected);
});

test('below the partition the old revision comes back', () => {
  expect(planStatefulSet(set(1, partition(1)), revisions, [], now)).toEqual([
    { create: 0, revision: 'current' },
  ]);
  expect(planStatefulSet(set(1), revisions, [], now)).toEqual([{ create: 0, revision: 'update' }]);
});

test('a finished rollout makes its revision the current one', () => {
  expect(statusOf(set(2), revisions, pods("0' 1"), undefined, now)).toMatchObject({
    replicas: 2,
    currentReplicas: 1,
    updatedReplicas: 1,
    currentRevision: 'old',
  });
  expect(statusOf(set(2), revisions, pods("0' 1'"), undefined, now)).toMatchObject({
    currentReplicas: 2,
    updatedReplicas: 2,
    currentRevision: 'new',
  });
});
