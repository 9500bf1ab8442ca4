import { afterAll, beforeAll, expect, test } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { ClusterRole, PolicyRule } from '../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';

let plane: TestControlPlane;

beforeAll(async () => {
  plane = await startTestControlPlane({ rolesDelayMs: 0 });
});
afterAll(() => plane[Symbol.asyncDispose]());

const rule = (resource: string): PolicyRule => ({
  apiGroups: ['example.com'],
  resources: [resource],
  verbs: ['get'],
});
const rulesOf = async (name: string) =>
  (await plane.client.get(resources.clusterroles, { name })).rules ?? [];

// From upstream's `pkg/controller/clusterroleaggregation`.
test('an aggregated role has the rules of those it selects, in the order of their names, each once', async () => {
  const { client } = plane;
  const make = (
    name: string,
    rules: PolicyRule[],
    labels: Record<string, string> = {},
  ): Promise<ClusterRole> => client.create(resources.clusterroles, { metadata: { name, labels }, rules });
  await make('b', [rule('b'), rule('both')], { into: 'sum' });
  await make('a', [rule('a'), rule('both')], { into: 'sum' });
  await make('other', [rule('other')], { into: 'elsewhere' });
  await client.create(resources.clusterroles, {
    metadata: { name: 'sum', labels: { into: 'sum' } },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { into: 'sum' } }] },
    rules: [rule('mistaken')],
  });
  await expect.poll(() => rulesOf('sum')).toEqual([rule('a'), rule('both'), rule('b')]);
  await client.patch(resources.clusterroles, { name: 'other' }, 'merge', {
    metadata: { labels: { into: 'sum' } },
  });
  await expect.poll(() => rulesOf('sum')).toEqual([rule('a'), rule('both'), rule('b'), rule('other')]);
  await client.delete(resources.clusterroles, { name: 'a' });
  await expect.poll(() => rulesOf('sum')).toEqual([rule('b'), rule('both'), rule('other')]);
});

test('what is labelled for view comes to edit and admin, too', async () => {
  await plane.client.create(resources.clusterroles, {
    metadata: { name: 'foos', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [rule('foos')],
  });
  for (const name of ['view', 'edit', 'admin'])
    await expect.poll(() => rulesOf(name)).toContainEqual(rule('foos'));
  expect(plane.complaints).toEqual([]);
});
