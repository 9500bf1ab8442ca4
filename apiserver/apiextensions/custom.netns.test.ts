import { afterAll, beforeAll, expect, it } from 'vitest';
import { customResources, hasCondition } from '../../api/custom-resources.ts';
import type { KubeObject } from '../../api/object.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion, Scale } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

interface Widget extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

const version = (name: string, more: Partial<CustomResourceDefinitionVersion> = {}) => ({
  name,
  served: true,
  storage: name === 'v1',
  schema: {
    openAPIV3Schema: {
      type: 'object',
      description: 'A widget.',
      properties: {
        spec: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: 'integer', minimum: 1, description: 'How large.' },
            color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
            code: { type: 'string', maxLength: 3, pattern: '^[a-z]+$' },
            when: { type: 'string', format: 'date-time' },
            port: { 'x-kubernetes-int-or-string': true },
            tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
            free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            replicas: { type: 'integer' },
          },
        },
        status: {
          type: 'object',
          properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
        },
      },
    },
  },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
  selectableFields: [{ jsonPath: '.spec.color' }],
  ...more,
});

function definition(
  plural: string,
  kind: string,
  versions: CustomResourceDefinitionVersion[] = [version('v1')],
  scope = 'Namespaced',
): CustomResourceDefinition {
  return {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      names: { plural, kind, shortNames: [plural.slice(0, 2)] },
      scope,
      versions,
    },
  };
}

/** Creates a definition and waits as `kubectl wait --for=condition=established`. */
async function define(wanted: CustomResourceDefinition): Promise<Map<string, Resource<Widget>>> {
  const { client } = server;
  const { metadata } = await client.create(resources.customresourcedefinitions, wanted);
  const abort = new AbortController();
  for await (const { object } of client.watch(resources.customresourcedefinitions, {
    fieldSelector: `metadata.name=${metadata?.name}`,
    signal: abort.signal,
  })) {
    if (!hasCondition(object, 'Established')) continue;
    abort.abort();
    return customResources(object) as Map<string, Resource<Widget>>;
  }
  throw new Error('the watch ended');
}

async function single(plural: string, kind: string): Promise<Resource<Widget>> {
  const row = (await define(definition(plural, kind))).get('v1');
  if (!row) throw new Error('no version v1');
  return row;
}

const named = (name: string, spec: Record<string, unknown>): Widget => ({
  metadata: { name, namespace: 'default' },
  spec,
});

it('serves a kind as soon as its definition is Established', async () => {
  const { client } = server;
  const widgets = await single('widgets', 'Widget');
  const made = await client.create(widgets, named('a', { size: 1, unknown: true, free: { any: 1 } }));
  expect(made).toMatchObject({
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { generation: 1 },
    spec: { size: 1, color: 'red', free: { any: 1 } },
  });
  expect(made.spec).not.toHaveProperty('unknown');
  const ref = { name: 'a', namespace: 'default' };
  expect(await client.get(widgets, ref)).toEqual(made);

  const status = await client.update(
    widgets,
    { ...made, spec: { size: 9 }, status: { replicas: 2 } },
    'status',
  );
  expect(status).toMatchObject({ metadata: { generation: 1 }, spec: { size: 1 }, status: { replicas: 2 } });
  const merged = await client.patch(widgets, ref, 'merge', { spec: { size: 3 }, status: { replicas: 7 } });
  expect(merged).toMatchObject({ metadata: { generation: 2 }, spec: { size: 3 }, status: { replicas: 2 } });
  await expect(client.patch(widgets, ref, 'strategic', { spec: { size: 3 } })).rejects.toMatchObject({
    code: 415,
  });
  await expect(client.update(widgets, named('a', { size: 4 }))).rejects.toThrow(
    'metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
  );

  const path = '/apis/example.com/v1/namespaces/default/widgets/a/scale';
  const scale = await client.request<Scale>('GET', path);
  expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 0 }, status: { replicas: 2 } });
  await client.request('PUT', path, { ...scale, spec: { replicas: 5 } });
  expect((await client.get(widgets, ref)).spec).toMatchObject({ replicas: 5 });

  const table = await client.request<{ columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] }>(
    'GET',
    '/apis/example.com/v1/widgets?fieldSelector=spec.color%3Dred',
    undefined,
    { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
  );
  expect(table.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Size']);
  expect(table.rows.map(({ cells }) => cells)).toEqual([['a', 3]]);
  await client.delete(widgets, ref);
  await expect(client.get(widgets, ref)).rejects.toThrow('widgets.example.com "a" not found');
});

it("tells what is wrong with an object in upstream's words", async () => {
  const { client } = server;
  const gadgets = await single('gadgets', 'Gadget');
  const wrong: [Record<string, unknown>, string][] = [
    [{ size: 0 }, 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
    [{}, 'spec.size: Required value'],
    [{ size: 1, color: 'green' }, 'spec.color: Unsupported value: "green": supported values: "red", "blue"'],
    [{ size: 1, code: 'abcd' }, 'spec.code: Too long: may not be more than 3 bytes'],
    [{ size: 1, code: 'A' }, `spec.code: Invalid value: "A": spec.code in body should match '^[a-z]+$'`],
    [
      { size: '1' },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [
      { size: 1, when: 'now' },
      'spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"',
    ],
    [{ size: 1, port: true }, 'spec.port in body must be of type integer,string: "boolean"'],
    [{ size: 1, tags: ['a', 'b', 'a'] }, 'spec.tags[2]: Duplicate value: "a"'],
  ];
  for (const [spec, message] of wrong)
    await expect(client.create(gadgets, named('a', spec)), message).rejects.toThrow(message);
  const strict = client.request(
    'POST',
    '/apis/example.com/v1/namespaces/default/gadgets?fieldValidation=Strict',
    { apiVersion: 'example.com/v1', kind: 'Gadget', ...named('a', { size: 1, foo: 1 }) },
  );
  await expect(strict).rejects.toThrow(
    'Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.foo"',
  );
});

it('shows an object in every version, and watches in each', async () => {
  const { client } = server;
  const defaults = version('v1beta1');
  const rows = await define(definition('parts', 'Part', [defaults, version('v1')], 'Cluster'));
  const [old, current] = [rows.get('v1beta1'), rows.get('v1')];
  if (!old || !current) throw new Error('versions are missing');
  const made = await client.create(old, { metadata: { name: 'a' }, spec: { size: 1 } });
  expect(made.apiVersion).toBe('example.com/v1beta1');
  expect((await client.get(current, { name: 'a' })).apiVersion).toBe('example.com/v1');
  const abort = new AbortController();
  for await (const { type, object } of client.watch(old, { signal: abort.signal })) {
    expect([type, object.apiVersion]).toEqual(['ADDED', 'example.com/v1beta1']);
    break;
  }
  const group = await client.request<{ versions: { version: string }[] }>('GET', '/apis/example.com');
  expect(group.versions.map((one) => one.version)).toEqual(['v1', 'v1beta1']);
  const { resources: kinds } = await client.request<{ resources: { name: string }[] }>(
    'GET',
    '/apis/example.com/v1',
  );
  expect(kinds.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['parts', 'parts/scale', 'parts/status']),
  );
});

it('gives a name to one definition only', async () => {
  const { client } = server;
  await single('tools', 'Tool');
  const second = definition('hammers', 'Tool');
  await client.create(resources.customresourcedefinitions, second);
  const ref = { name: 'hammers.example.com' };
  await expect
    .poll(async () => (await client.get(resources.customresourcedefinitions, ref)).status?.conditions)
    .toMatchObject([
      { type: 'NamesAccepted', status: 'False', reason: 'ListKindConflict' },
      { type: 'Established', status: 'False', reason: 'NotAccepted' },
    ]);
  await client.delete(resources.customresourcedefinitions, { name: 'tools.example.com' });
  await expect
    .poll(async () => hasCondition(await client.get(resources.customresourcedefinitions, ref), 'Established'))
    .toBe(true);
});

it('removes the objects with the definition, and keeps both over a restart', async () => {
  const boxes = await single('boxes', 'Box');
  await server.client.create(boxes, {
    ...named('a', { size: 1 }),
    metadata: { name: 'a', namespace: 'default', finalizers: ['example.com/hold'] },
  });
  server = await server.restart();
  const { client } = server;
  const ref = { name: 'a', namespace: 'default' };
  expect((await client.get(boxes, ref)).spec).toEqual({ size: 1, color: 'red' });
  const name = 'boxes.example.com';
  await client.delete(resources.customresourcedefinitions, { name });
  await expect.poll(async () => (await client.get(boxes, ref)).metadata?.deletionTimestamp).toBeTruthy();
  await expect(client.create(boxes, named('b', { size: 1 }))).rejects.toThrow(
    'create not allowed while custom resource definition is terminating',
  );
  await client.patch(boxes, ref, 'merge', { metadata: { finalizers: null } });
  await expect
    .poll(() =>
      client.get(resources.customresourcedefinitions, { name }).then(
        () => 'there',
        () => 'gone',
      ),
    )
    .toBe('gone');
  await expect(client.get(boxes, ref)).rejects.toMatchObject({ code: 404 });
});

it('holds objects to the rules of their definition, and says why a webhook did not convert', async () => {
  const { client } = server;
  const rules = [{ rule: 'self.size == oldSelf.size', message: 'size is immutable' }];
  const current = version('v1');
  const spec = current.schema?.openAPIV3Schema?.properties?.spec;
  if (spec) spec['x-kubernetes-validations'] = rules;
  const wanted = definition('rulers', 'Ruler', [current, version('v1beta1')]);
  const clientConfig = { url: 'https://127.0.0.1:1/convert' };
  wanted.spec.conversion = {
    strategy: 'Webhook',
    webhook: { clientConfig, conversionReviewVersions: ['v1'] },
  };
  const rows = await define(wanted);
  const [rulers, old] = [rows.get('v1'), rows.get('v1beta1')];
  if (!rulers || !old) throw new Error('versions are missing');
  await client.create(rulers, named('a', { size: 1 }));
  const ref = { name: 'a', namespace: 'default' };
  await expect(client.patch(rulers, ref, 'merge', { spec: { size: 2 } })).rejects.toThrow(
    'Ruler "a" is invalid: spec: Invalid value: "object": size is immutable',
  );
  await expect(client.get(old, ref)).rejects.toThrow(
    'conversion webhook for example.com/v1, Kind=Ruler failed: Post "https://127.0.0.1:1/convert": dial tcp 127.0.0.1:1: connect: connection refused',
  );
});

it('lets an object stay wrong in what it was wrong in before its definition said so', async () => {
  const { client } = server;
  const crates = await single('crates', 'Crate');
  await client.create(crates, named('a', { size: 1, code: 'abc', tags: ['x', 'y'] }));
  const ref = { name: 'a', namespace: 'default' };
  const path = ['spec', 'versions', '0', 'schema', 'openAPIV3Schema', 'properties', 'spec', 'properties'];
  await client.request(
    'PATCH',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/crates.example.com',
    [{ op: 'replace', path: `/${path.join('/')}/code/maxLength`, value: 2 }],
    { 'content-type': 'application/json-patch+json' },
  );
  const changed = await client.patch(crates, ref, 'merge', { spec: { size: 2 } });
  expect(changed.spec).toMatchObject({ size: 2, code: 'abc' });
  await expect(client.patch(crates, ref, 'merge', { spec: { code: 'abd' } })).rejects.toThrow(
    'spec.code: Too long: may not be more than 2 bytes',
  );
  await expect(client.create(crates, named('b', { size: 1, code: 'abc' }))).rejects.toThrow(
    'spec.code: Too long',
  );
});

it('describes kinds in OpenAPI', async () => {
  const { client } = server;
  await single('lamps', 'Lamp');
  const { paths } = await client.request<{ paths: Record<string, unknown> }>('GET', '/openapi/v3');
  expect(paths).toHaveProperty(['apis/example.com/v1']);
  const { components } = await client.request<{ components: { schemas: Record<string, object> } }>(
    'GET',
    '/openapi/v3/apis/example.com/v1',
  );
  expect(components.schemas['com.example.v1.Lamp']).toMatchObject({
    description: 'A widget.',
    properties: { spec: { properties: { size: { description: 'How large.' } } } },
  });
  const { definitions } = await client.request<{ definitions: Record<string, object> }>('GET', '/openapi/v2');
  expect(definitions).toHaveProperty(['com.example.v1.Lamp']);
});
