import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type {
  DaemonSet,
  DaemonSetSpec,
  PodDisruptionBudgetSpec,
  StatefulSet,
  StatefulSetSpec,
} from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';

const metadata = { name: 'web', namespace: 'default' };
const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'a', image: 'nginx' }] },
};
const selector = { matchLabels: { app: 'web' } };
const statefulSet = (spec: Partial<StatefulSetSpec> = {}): StatefulSet => ({
  metadata,
  spec: { serviceName: 'web', selector, template, ...spec },
});
const daemonSet = (spec: Partial<DaemonSetSpec> = {}): DaemonSet => ({
  metadata,
  spec: { selector, template, ...spec },
});
const sets = strategyOf(resources.statefulsets);
const daemons = strategyOf(resources.daemonsets);

test('defaults', () => {
  const set = admit(sets, statefulSet());
  expect(set.errors).toEqual([]);
  expect(set.object.spec).toMatchObject({
    replicas: 1,
    podManagementPolicy: 'OrderedReady',
    revisionHistoryLimit: 10,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  });
  const daemon = admit(daemons, daemonSet());
  expect(daemon.errors).toEqual([]);
  expect(daemon.object.spec).toMatchObject({
    revisionHistoryLimit: 10,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
  });
});

test('a DaemonSet counts its templates', () => {
  const generation = (set: DaemonSet) =>
    set.metadata?.annotations?.['deprecated.daemonset.template.generation'];
  const { object: first } = admit(daemons, daemonSet());
  expect(generation(first)).toBe('1');
  const { object: same } = admit(daemons, daemonSet({ minReadySeconds: 5 }), first);
  expect(generation(same)).toBe('1');
  const other = { ...template, spec: { containers: [{ name: 'a', image: 'nginx:2' }] } };
  const { object: changed } = admit(daemons, daemonSet({ template: other }), same);
  expect(generation(changed)).toBe('2');
});

/** Facts of upstream's TestValidateStatefulSet. */
test.each<[string, Partial<StatefulSetSpec>, string[]]>([
  [
    'policy',
    { podManagementPolicy: 'foo' },
    ["spec.podManagementPolicy: Invalid value: \"foo\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'strategy',
    { updateStrategy: { type: 'foo' } },
    ['spec.updateStrategy.type: Unsupported value: "foo": supported values: "RollingUpdate", "OnDelete"'],
  ],
  [
    'partition',
    { updateStrategy: { rollingUpdate: { partition: -1 } } },
    ['spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'empty selector',
    { selector: {} },
    ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
  ],
  [
    'restart policy',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
])('a StatefulSet: %s', (_what, spec, errors) => {
  expect(admit(sets, statefulSet(spec)).errors).toEqual(errors);
});

test('what of a StatefulSet may change', () => {
  const old = admit(sets, statefulSet()).object;
  expect(admit(sets, statefulSet({ replicas: 3, minReadySeconds: 5 }), old).errors).toEqual([]);
  expect(admit(sets, statefulSet({ serviceName: 'other' }), old).errors).toEqual([
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ]);
});

test.each<[object, string[]]>([
  [
    { maxUnavailable: 1, maxSurge: 1 },
    [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
    ],
  ],
  [
    { maxUnavailable: 0 },
    ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
  ],
  [{ maxUnavailable: 0, maxSurge: '20%' }, []],
])('a DaemonSet with %j', (rollingUpdate, errors) => {
  expect(admit(daemons, daemonSet({ updateStrategy: { rollingUpdate } })).errors).toEqual(errors);
});

test.each<[PodDisruptionBudgetSpec, string[]]>([
  [{ minAvailable: 1, selector }, []],
  [{ maxUnavailable: '50%', selector }, []],
  [
    { minAvailable: 1, maxUnavailable: 1 },
    [
      'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  [{ minAvailable: '101%' }, ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']],
])('a PodDisruptionBudget with %j', (spec, errors) => {
  expect(admit(strategyOf(resources.poddisruptionbudgets), { metadata, spec }).errors).toEqual(errors);
});
