import { describe, expect, test } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { formatMilli } from './compute.ts';
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type Samples,
} from './replicas.ts';

const now = Date.parse('2025-01-01T01:00:00Z');
const at = (minutesAgo: number) => new Date(now - minutesAgo * 60_000).toISOString();

/** One letter a pod: `r`eady, `u`nready since it began, `b`eginning, `p`ending, `f`ailed, `d`eleted. */
function pods(states: string, request = '1'): Pod[] {
  return [...states].map((state, index) => ({
    metadata: { name: `pod-${index}`, ...(state === 'd' ? { deletionTimestamp: at(0) } : {}) },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: request } } }] },
    status: {
      phase: state === 'p' ? 'Pending' : state === 'f' ? 'Failed' : 'Running',
      startTime: at(state === 'b' ? 1 : 10),
      conditions: [
        {
          type: 'Ready',
          status: 'ub'.includes(state) ? 'False' : 'True',
          lastTransitionTime: at(state === 'b' ? 1 : 10),
        },
      ],
    },
  }));
}

/** Thousandths, `undefined` where nothing was measured. */
const samples = (...values: (number | undefined)[]): Samples =>
  new Map(
    values.flatMap((milli, index) =>
      milli === undefined ? [] : [[`pod-${index}`, { milli, at: now, window: 60_000 }]],
    ),
  );

describe('utilization of what is requested', () => {
  /** Rows of upstream's `replica_calculator_test.go`: current, target, pods, measured, wanted, utilization. */
  test.each<[string, number, number, string, Samples, number, number]>([
    ['scale up', 3, 30, 'rrr', samples(300, 500, 700), 5, 50],
    ['scale up, one unready and less', 3, 30, 'brr', samples(300, 500, 700), 4, 60],
    ['scale up, hot but cool enough with the unready', 3, 30, 'brr', samples(0, 400, 500), 3, 45],
    ['scale up, one missing', 4, 50, 'rrrr', samples(undefined, 700, 900, 800), 5, 80],
    ['scale up, pending is ignored', 3, 30, 'prr', samples(undefined, 500, 700), 4, 60],
    ['scale up, failed and deleted are ignored', 2, 30, 'rrfd', samples(500, 700, 900, 900), 4, 60],
    ['scale down', 5, 50, 'rrrrr', samples(100, 300, 500, 250, 250), 3, 28],
    ['scale down, unready ones do not count', 5, 50, 'rrrbb', samples(100, 300, 500, 250, 250), 2, 30],
    [
      'scale down, the missing as if all were used',
      5,
      50,
      'rrrrr',
      samples(undefined, 100, 100, 100, 100),
      3,
      10,
    ],
    ['tolerance', 3, 100, 'rrr', samples(1010, 1030, 1020), 3, 102],
    [
      'within tolerance once the missing are guessed',
      4,
      100,
      'rrrr',
      samples(undefined, 1400, 1400, 1300),
      4,
      136,
    ],
  ])('%s', (_, current, target, states, measured, replicas, utilization) => {
    expect(replicasForUtilization(current, target, 'cpu', measured, pods(states), now)).toMatchObject({
      replicas,
      utilization,
    });
  });

  test('says in upstream’s words what is missing', () => {
    const of = (states: string, measured: Samples, all = pods(states)) =>
      replicasForUtilization(1, 50, 'cpu', measured, all, now);
    expect(() => of('', samples())).toThrow('no pods returned by selector while calculating replica count');
    expect(() => of('p', samples(10))).toThrow(
      'did not receive metrics for targeted pods (pods might be unready)',
    );
    expect(() => of('r', new Map([['other', { milli: 1, at: now, window: 1 }]]))).toThrow(
      'no metrics returned matched known pods',
    );
    const [bare] = pods('r');
    const without = { ...bare, spec: { containers: [{ name: 'c' }] } };
    expect(() => of('r', samples(10), [without])).toThrow(
      'missing request for cpu in container c of Pod pod-0',
    );
  });
});

test.each<[string, number, number, string, Samples, number, number]>([
  ['scale up', 3, 15_000, 'rrr', samples(20_000, 10_000, 30_000), 4, 20_000],
  ['scale up, unready ones count as none', 3, 15_000, 'rrp', samples(50_000, 15_000, 30_000), 5, 32_500],
  ['scale down', 5, 20_000, 'rrrrr', samples(10_000, 10_000, 10_000, 10_000, 10_000), 3, 10_000],
  [
    'scale down, the missing as wanted',
    5,
    20_000,
    'rrrrr',
    samples(undefined, 10_000, 10_000, 10_000, 10_000),
    3,
    10_000,
  ],
])('average value: %s', (_, current, target, states, measured, replicas, milli) => {
  expect(replicasForAverage(current, target, '', measured, pods(states), now)).toEqual({ replicas, milli });
});

test('one value for all, and one that is shared', () => {
  expect(replicasForValue(3, 15_000, 20_000, pods('rrr'))).toEqual({ replicas: 4, milli: 20_000 });
  expect(replicasForValue(0, 15_000, 20_000, [])).toEqual({ replicas: 2, milli: 20_000 });
  expect(replicasForValue(3, 20_000, 20_666, pods('rrr')).replicas).toBe(3);
  expect(replicasForShare(3, 2_000, 8_600)).toEqual({ replicas: 5, milli: 2_867 });
  expect(replicasForShare(5, 2_000, 8_600)).toEqual({ replicas: 5, milli: 1_720 });
});

test('thousandths as Go prints them', () => {
  expect([0, 1, 250, 1000, 1500, 2_000_000, 10_485_760_000].map(formatMilli)).toEqual([
    ...['0', '1m', '250m', '1', '1500m', '2k', '10485760'],
  ]);
});
