import { describe, expect, test } from 'vitest';
import type { Deployment, IntOrString, ReplicaSet } from '../../api/types.ts';
import {
  desiredReplicasAnnotation,
  fenceposts,
  maxReplicasAnnotation,
  newReplicaSetSize,
  scaleProportionally,
  shrinkOld,
} from './rolling.ts';
import { isScaling, scaling } from './scaling.ts';

const deployment = (replicas: number, maxSurge?: IntOrString, maxUnavailable?: IntOrString): Deployment => ({
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: {
        ...(maxSurge === undefined ? {} : { maxSurge }),
        ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
      },
    },
  },
});

const replicaSet = (name: string, replicas: number, available = replicas, annotations = {}): ReplicaSet => ({
  metadata: { name, creationTimestamp: `2016-05-20T0${name.at(-1)}:00:00Z`, annotations },
  spec: { replicas, selector: {} },
  status: { replicas, availableReplicas: available },
});

// The cases are those of upstream's deployment_util_test.go, rolling_test.go and sync_test.go.

describe('fenceposts', () => {
  test.each([
    ['0%', '0%', 10, 0, 1],
    ['39%', '39%', 10, 4, 3],
    ['0%', '39%', 10, 0, 3],
    ['39%', '0%', 10, 4, 0],
    [0, 0, 10, 0, 1],
    ['25%', '25%', 3, 1, 0],
    [undefined, undefined, 4, 1, 1],
  ])('surge %s, unavailable %s of %i', (surge, unavailable, replicas, maxSurge, maxUnavailable) => {
    expect(fenceposts(deployment(replicas, surge, unavailable))).toEqual({ maxSurge, maxUnavailable });
  });

  test('names a value that is neither a number nor a percentage', () => {
    expect(() => fenceposts(deployment(10, 'oops', '39%'))).toThrow('"oops"');
  });
});

describe('newReplicaSetSize', () => {
  test.each([
    [10, 0, 10, 0, 0],
    [10, 2, 10, 0, 2],
    [10, 2, 5, 0, 7],
    [10, 2, 10, 2, 2],
    [1, 1, 5, 5, 5],
    [6, 10, 5, 2, 6],
  ])('desired %i, surge %i, old %i, new %i: %i', (replicas, surge, old, current, size) => {
    const all = [replicaSet('v1', old), replicaSet('v2', current)];
    expect(newReplicaSetSize(deployment(replicas, surge, 0), all, current)).toBe(size);
  });

  test('Recreate takes the full size at once', () => {
    const recreate: Deployment = {
      spec: { ...deployment(3).spec, strategy: { type: 'Recreate' } },
    } as Deployment;
    expect(newReplicaSetSize(recreate, [replicaSet('v1', 5)], 1)).toBe(3);
  });
});

describe('shrinkOld', () => {
  test.each([
    [10, 0, 10, 10, 0, 0, []],
    [10, 0, 10, 10, 1, 1, [9]],
    [10, 2, 10, 10, 0, 0, [8]],
    [10, 2, 10, 8, 0, 0, [8]],
    [10, 2, 10, 9, 0, 0, [8]],
    [10, 2, 8, 8, 2, 0, []],
  ])(
    'desired %i, unavailable %i, old %i (%i available), new %i (%i)',
    (replicas, unavailable, old, oldAvailable, current, available, sizes) => {
      const scalings = shrinkOld(
        deployment(replicas, 1, unavailable),
        [replicaSet('v1', old, oldAvailable)],
        replicaSet('v2', current, available),
      );
      expect(scalings.map((step) => step.replicas)).toEqual(sizes);
    },
  );

  test('takes unhealthy replicas first, from the oldest on', () => {
    const old = [replicaSet('v2', 3, 1), replicaSet('v1', 4, 2)];
    const scalings = shrinkOld(deployment(10, 3, 0), old, replicaSet('v3', 7, 7));
    expect(scalings.map((step) => [step.replicaSet.metadata?.name, step.replicas])).toEqual([
      ['v1', 2],
      ['v2', 1],
    ]);
  });
});

describe('scaleProportionally', () => {
  test.each([
    [
      '5 -> 10',
      5,
      10,
      [
        ['v2', 2],
        ['v1', 3],
      ],
      { v2: 4, v1: 6 },
    ],
    [
      '5 -> 3',
      5,
      3,
      [
        ['v2', 2],
        ['v1', 3],
      ],
      { v2: 1, v1: 2 },
    ],
    [
      '9 -> 4',
      9,
      4,
      [
        ['v2', 8],
        ['v1', 1],
      ],
      { v2: 4, v1: 0 },
    ],
    [
      '7 -> 10',
      7,
      10,
      [
        ['v3', 2],
        ['v2', 3],
        ['v1', 2],
      ],
      { v3: 3, v2: 4, v1: 3 },
    ],
    [
      '13 -> 8',
      13,
      8,
      [
        ['v3', 2],
        ['v2', 8],
        ['v1', 3],
      ],
      { v3: 1, v2: 5, v1: 2 },
    ],
    [
      '3 -> 4',
      3,
      4,
      [
        ['v3', 1],
        ['v2', 1],
        ['v1', 1],
      ],
      { v3: 2, v2: 1, v1: 1 },
    ],
    [
      '3 -> 2',
      3,
      2,
      [
        ['v3', 1],
        ['v2', 1],
        ['v1', 1],
      ],
      { v3: 1, v2: 1, v1: 0 },
    ],
    [
      '4 -> 5',
      4,
      5,
      [
        ['v2', 2],
        ['v1', 2],
      ],
      { v2: 3, v1: 2 },
    ],
    [
      '3 -> 0',
      3,
      0,
      [
        ['v3', 1],
        ['v2', 1],
        ['v1', 1],
      ],
      { v3: 0, v2: 0, v1: 0 },
    ],
  ] as [string, number, number, [string, number][], Record<string, number>][])(
    '%s',
    (_name, before, after, sizes, expected) => {
      const active = sizes.map(([name, size]) =>
        replicaSet(name, size, size, { [maxReplicasAnnotation]: String(before) }),
      );
      const scalings = scaleProportionally(deployment(after, 0, 0), active);
      const result = scalings.map((step) => [step.replicaSet.metadata?.name, step.replicas]);
      expect(Object.fromEntries(result)).toEqual(expected);
    },
  );
});

describe('scaling', () => {
  test('a single ReplicaSet takes the whole size', () => {
    const current = replicaSet('v1', 10);
    expect(scaling(deployment(12), [replicaSet('v0', 0)], current)).toEqual([
      { replicaSet: current, replicas: 12 },
    ]);
  });

  test('a changed spec.replicas is seen by the annotation of an active ReplicaSet', () => {
    const sizedFor = (size: string, replicas: number) =>
      replicaSet('v1', replicas, replicas, { [desiredReplicasAnnotation]: size });
    expect(isScaling(deployment(5), [sizedFor('3', 3)])).toBe(true);
    expect(isScaling(deployment(3), [sizedFor('3', 3)])).toBe(false);
    expect(isScaling(deployment(5), [sizedFor('3', 0)])).toBe(false);
  });
});
