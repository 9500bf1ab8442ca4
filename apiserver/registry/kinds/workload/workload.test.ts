import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';

const strategy = strategyOf(resources.deployments);
const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'a', image: 'nginx' }] },
};
const selector = { matchLabels: { app: 'web' } };
const deployment = (spec: Partial<DeploymentSpec> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector, template, ...spec },
});
const errorsOf = (spec: Partial<DeploymentSpec>, old?: Deployment) =>
  admit(strategy, deployment(spec), old).errors;

test('defaults of a Deployment', () => {
  const { object, errors } = admit(strategy, deployment());
  expect(errors).toEqual([]);
  expect(object.spec).toMatchObject({
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    template: {
      spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', terminationGracePeriodSeconds: 30 },
    },
  });
  expect(object.spec?.template.spec).not.toHaveProperty('enableServiceLinks');
  expect(admit(strategy, deployment({ replicas: 0 })).object.spec?.replicas).toBe(0);
  expect(admit(strategy, deployment({ strategy: { type: 'Recreate' } })).object.spec?.strategy).toEqual({
    type: 'Recreate',
  });
});

/** Facts of upstream's TestValidateDeployment. */
test.each<[string, Partial<DeploymentSpec>, string[]]>([
  [
    'selector does not match',
    { selector: { matchLabels: { app: 'other' } } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'empty selector',
    { selector: {} },
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    'restart policy',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'Recreate with numbers',
    { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'both zero',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  [
    'more than all unavailable',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '110%' } } },
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "110%": must not be greater than 100%'],
  ],
  [
    'negative replicas',
    { replicas: -1 },
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'deadline before ready',
    { minReadySeconds: 700 },
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
  [
    'no containers',
    { template: { metadata: template.metadata, spec: { containers: [] } } },
    ['spec.template.spec.containers: Required value'],
  ],
])('%s', (_what, spec, errors) => {
  expect(errorsOf(spec)).toEqual(errors);
});

test('no selector at all', () => {
  const { selector: _, ...spec } = deployment().spec ?? {};
  const object = { ...deployment(), spec } as Deployment;
  expect(admit(strategy, object).errors).toEqual([
    'spec.selector: Required value',
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ]);
});

test('the selector may not change', () => {
  const old = admit(strategy, deployment()).object;
  const labels = { app: 'other' };
  expect(
    errorsOf({ selector: { matchLabels: labels }, template: { ...template, metadata: { labels } } }, old),
  ).toEqual(['spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable']);
  expect(errorsOf({ replicas: 5 }, old)).toEqual([]);
});

test('ReplicaSets have the same rules', () => {
  const own = strategyOf(resources.replicasets);
  const replicaSet: ReplicaSet = { metadata: { name: 'web' }, spec: { selector, template } };
  const { object, errors } = admit(own, replicaSet);
  expect(errors).toEqual([]);
  expect(object.spec?.replicas).toBe(1);
  expect(object.status).toEqual({ replicas: 0 });
});
