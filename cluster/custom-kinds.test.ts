import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { startTestApiserver, type TestApiserver } from '../apiserver/testing/apiserver.ts';
import { findTarget } from './discovery.ts';
import { applyManifest } from './manifest.ts';
import { waitFor } from './wait.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(() => server.stop());

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  names: { plural: widgets, kind: Widget, shortNames: [wi] }
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {} }
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;
const widget = (size: number) => `
apiVersion: example.com/v1
kind: Widget
metadata: { name: a }
spec: { size: ${size} }
`;

it('applies, names and waits for objects of custom kinds', async () => {
  const { client } = server;
  await applyManifest(client, definition);
  await waitFor(client, 'crd/widgets.example.com', 'Established');
  const apply = async (size: number) =>
    (await applyManifest(client, widget(size))).map(({ action }) => action);
  expect([await apply(1), await apply(2), await apply(2)]).toEqual([
    ['created'],
    ['configured'],
    ['unchanged'],
  ]);
  for (const target of ['widgets', 'widget', 'wi', 'widgets.example.com'])
    expect((await findTarget(client, `${target}/a`)).resource).toMatchObject({
      kind: 'Widget',
      group: 'example.com',
    });
  const { resource } = await findTarget(client, 'wi');
  const waiting = waitFor(client, 'widget/a', 'Ready');
  const made = await client.get(resource, { name: 'a', namespace: 'default' });
  await client.update(
    resource,
    { ...made, status: { conditions: [{ type: 'Ready', status: 'True' }] } } as KubeObject,
    'status',
  );
  expect(await waiting).toHaveLength(1);
  await expect(findTarget(client, 'nothings')).rejects.toThrow('unknown resource "nothings"; known are ');
  await expect(applyManifest(client, widget(1).replace('Widget', 'Gadget'))).rejects.toThrow(
    'no matches for kind "Gadget" in version "example.com/v1"',
  );
});
