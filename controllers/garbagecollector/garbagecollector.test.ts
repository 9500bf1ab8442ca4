import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource, resources } from '../../api/scheme.ts';
import { resourceOf } from '../../apiserver/registry/kinds/rows.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { until } from '../testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ rolesDelayMs: 0, otherKindsDelayMs: 0 });
  client = plane.client;
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const flowSchemas = resourceOf('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema') as Resource;
const namespace = 'default';
const flowSchema = (name: string): KubeObject & { spec: object } => ({
  metadata: { name },
  spec: { priorityLevelConfiguration: { name: 'workload-low' } },
});

function ownedBy(resource: Resource, { metadata }: KubeObject, name: string, block = false): KubeObject {
  const { name: owner = '', uid = '' } = metadata ?? {};
  const reference = { apiVersion: apiVersionOf(resource), kind: resource.kind, name: owner, uid };
  return {
    metadata: { name, namespace, ownerReferences: [{ ...reference, blockOwnerDeletion: block }] },
  };
}

const gone = (resource: Resource, name: string) =>
  until(client, resource, undefined, (all) => all.every(({ metadata }) => metadata?.name !== name));

test('what a kind owns that no controller has to do with, and one that it is owned by', async () => {
  const owner = await client.create<KubeObject>(flowSchemas, flowSchema('owner'));
  await client.create(resources.configmaps, ownedBy(flowSchemas, owner, 'owned'));
  const podSelector = {};
  await client.create(resources.networkpolicies, {
    ...ownedBy(flowSchemas, owner, 'owned'),
    spec: { podSelector },
  });
  await client.delete(flowSchemas, { name: 'owner' });
  await gone(resources.configmaps, 'owned');
  await gone(resources.networkpolicies, 'owned');
});

test('a dependent whose owner is not there goes, one whose kind nobody knows stays', async () => {
  const absent = { metadata: { name: 'absent', uid: '4f1e9a5a-3a0c-4f4b-8e0a-9c0e0f7f2a10' } };
  const unknown = { ...flowSchemas, group: 'example.com', kind: 'Nothing' };
  await client.create(resources.configmaps, ownedBy(unknown, absent, 'of-unknown'));
  await client.create(resources.configmaps, ownedBy(flowSchemas, absent, 'of-absent'));
  await gone(resources.configmaps, 'of-absent');
  expect(await client.get(resources.configmaps, { name: 'of-unknown', namespace })).toBeDefined();
});

test('foreground: the owner waits for those that block it; orphan: they stay', async () => {
  const owner = await client.create<KubeObject>(flowSchemas, flowSchema('waits'));
  const blocking = ownedBy(flowSchemas, owner, 'blocks', true);
  await client.create(resources.configmaps, {
    metadata: { ...blocking.metadata, finalizers: ['example.com/hold'] },
  });
  await client.create(resources.configmaps, ownedBy(flowSchemas, owner, 'blocks-not'));
  await client.delete(flowSchemas, { name: 'waits' }, { propagationPolicy: 'Foreground' });
  await gone(resources.configmaps, 'blocks-not');
  expect((await client.get<KubeObject>(flowSchemas, { name: 'waits' })).metadata?.finalizers).toEqual([
    'foregroundDeletion',
  ]);
  await client.patch(resources.configmaps, { name: 'blocks', namespace }, 'merge', {
    metadata: { finalizers: null },
  });
  await gone(flowSchemas, 'waits');

  const other = await client.create<KubeObject>(flowSchemas, flowSchema('leaves'));
  await client.create(resources.configmaps, ownedBy(flowSchemas, other, 'left'));
  await client.delete(flowSchemas, { name: 'leaves' }, { propagationPolicy: 'Orphan' });
  await gone(flowSchemas, 'leaves');
  const left = await client.get(resources.configmaps, { name: 'left', namespace });
  expect(left.metadata?.ownerReferences).toBeUndefined();
});

test('owners in a circle all go when one is deleted in the foreground', async () => {
  const names = ['circle-a', 'circle-b', 'circle-c'];
  const made = await Promise.all(
    names.map((name) => client.create<KubeObject>(resources.configmaps, { metadata: { name, namespace } })),
  );
  for (const [index, name] of names.entries()) {
    const owner = made[(index + 2) % 3] as KubeObject;
    const { metadata } = ownedBy(resources.configmaps, owner, name, true);
    await client.patch(resources.configmaps, { name, namespace }, 'merge', { metadata });
  }
  await client.delete(
    resources.configmaps,
    { name: 'circle-a', namespace },
    { propagationPolicy: 'Foreground' },
  );
  for (const name of names) await gone(resources.configmaps, name);
});
