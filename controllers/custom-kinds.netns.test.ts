import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../api/client.ts';
import { customResources, hasCondition } from '../api/custom-resources.ts';
import type { KubeObject } from '../api/object.ts';
import { type Resource, resources } from '../api/scheme.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';
import { until } from './testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ rolesDelayMs: 0 });
  client = plane.client;
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

async function define(plural: string, kind: string): Promise<Resource> {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await client.create(resources.customresourcedefinitions, {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      names: { plural, kind },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  });
  const [definition] = await until(client, resources.customresourcedefinitions, undefined, (all) =>
    all.some((one) => one.spec.names.plural === plural && hasCondition(one, 'Established')),
  ).then((all) => all.filter((one) => one.spec.names.plural === plural));
  const row = definition && customResources(definition).get('v1');
  if (!row) throw new Error(`${plural} have no version v1`);
  return row;
}

const ownedBy = ({ apiVersion = '', kind = '', metadata }: KubeObject, name: string): KubeObject => ({
  metadata: {
    name,
    namespace: 'default',
    ownerReferences: [{ apiVersion, kind, name: metadata?.name ?? '', uid: metadata?.uid ?? '' }],
  },
});

test('what custom objects own goes with them, and they with what owns them', async () => {
  const widgets = await define('widgets', 'Widget');
  const owner = await client.create<KubeObject>(widgets, {
    metadata: { name: 'owner', namespace: 'default' },
  });
  await client.create(resources.configmaps, ownedBy(owner, 'owned'));
  await client.create(widgets, ownedBy(owner, 'inner'));
  await client.delete(widgets, { name: 'owner', namespace: 'default' });
  await until(client, resources.configmaps, 'default', (all) =>
    all.every(({ metadata }) => metadata?.name !== 'owned'),
  );
  await until(client, widgets, 'default', (all) => all.length === 0);

  const map = await client.create(resources.configmaps, { metadata: { name: 'root', namespace: 'default' } });
  await client.create(widgets, ownedBy({ ...map, apiVersion: 'v1', kind: 'ConfigMap' }, 'leaf'));
  const root = { name: 'root', namespace: 'default' };
  await client.delete(resources.configmaps, root, { propagationPolicy: 'Foreground' });
  await until(client, widgets, 'default', (all) => all.length === 0);
});

test('a namespace ends with the custom objects in it', async () => {
  const gadgets = await define('gadgets', 'Gadget');
  await client.create(resources.namespaces, { metadata: { name: 'short' } });
  await client.create<KubeObject>(gadgets, { metadata: { name: 'a', namespace: 'short' } });
  await client.delete(resources.namespaces, { name: 'short' });
  await until(client, resources.namespaces, undefined, (all) =>
    all.every(({ metadata }) => metadata?.name !== 'short'),
  );
  expect((await client.list(gadgets)).items).toEqual([]);
  await client.delete(resources.customresourcedefinitions, { name: 'gadgets.example.com' });
  await until(client, resources.customresourcedefinitions, undefined, (all) =>
    all.every(({ metadata }) => metadata?.name !== 'gadgets.example.com'),
  );
});
