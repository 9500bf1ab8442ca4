import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type { CustomResourceDefinition, JSONSchemaProps, Status } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { entriesOf, sendTo } from '../testing/fields.ts';

interface Widget extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

const text: JSONSchemaProps = { type: 'string' };
const port: JSONSchemaProps = {
  type: 'object',
  required: ['port'],
  properties: { port: { type: 'integer' }, protocol: { ...text, default: 'TCP' }, name: text },
};
const spec: JSONSchemaProps = {
  type: 'object',
  properties: {
    replicas: { type: 'integer' },
    tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ports: {
      type: 'array',
      items: port,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
    },
    whole: { type: 'array', items: text },
    selector: { type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic' },
    labels: { type: 'object', additionalProperties: text },
    either: { 'x-kubernetes-int-or-string': true },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: { type: 'object', properties: { a: text } } },
    },
  },
};
const schema = {
  openAPIV3Schema: {
    type: 'object',
    properties: { spec, status: { type: 'object', properties: { seen: { type: 'integer' } } } },
  },
};

const definition: CustomResourceDefinition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'widgets', kind: 'Widget' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.seen' },
        },
      },
      { name: 'v1beta1', served: true, storage: false, schema },
    ],
  },
};

let server: TestApiserver;
const path = (version: string, name: string) =>
  `/apis/example.com/${version}/namespaces/default/widgets/${name}`;
const definitions = resources.customresourcedefinitions as Resource<CustomResourceDefinition>;

beforeAll(async () => {
  server = await startTestApiserver();
  await server.client.create(definitions, definition);
  await until(async () => (await sendTo(server.socket, 'GET', path('v1', ''), '')).code === 200);
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(5);
}

const send = <T = Widget>(method: string, to: string, body: unknown, type = 'application/merge-patch+json') =>
  sendTo<T>(server.socket, method, to, body, type);
const apply = <T = Widget>(name: string, spec: object, query = 'fieldManager=ann', version = 'v1') =>
  send<T>(
    'PATCH',
    `${path(version, name)}?${query}`,
    widget(name, spec, version),
    'application/apply-patch+yaml',
  );
const widget = (name: string, spec: object, version = 'v1') => ({
  apiVersion: `example.com/${version}`,
  kind: 'Widget',
  metadata: { name },
  spec,
});

describe('apply of a custom kind', () => {
  it('owns lists and maps as the schema says', async () => {
    const { code, body } = await apply('owned', {
      tags: ['a'],
      ports: [{ port: 80 }],
      whole: ['x'],
      selector: { app: 'a' },
      labels: { b: 'c' },
      either: '1',
      free: { deep: { er: 1 }, list: [{ name: 'a' }] },
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: { l: '1' } }, spec: { a: 'b' } },
    });
    expect(code).toBe(201);
    expect(entriesOf(body)).toEqual([
      {
        manager: 'ann',
        operation: 'Apply',
        apiVersion: 'example.com/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:either': {},
            'f:free': { 'f:deep': { '.': {}, 'f:er': {} }, 'f:list': {} },
            'f:labels': { 'f:b': {} },
            'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
            'f:selector': {},
            'f:tags': { 'v:"a"': {} },
            'f:template': {
              'f:apiVersion': {},
              'f:kind': {},
              'f:metadata': { 'f:labels': { 'f:l': {} } },
              'f:spec': { 'f:a': {} },
            },
            'f:whole': {},
          },
        },
      },
    ]);
    expect(body.spec?.ports).toEqual([{ port: 80, protocol: 'TCP' }]);
  });

  it('merges items by their keys, and values of sets', async () => {
    await apply('merged', { tags: ['a', 'b'], ports: [{ port: 80, name: 'x' }, { port: 81 }] });
    const { body } = await apply(
      'merged',
      { tags: ['c', 'b'], ports: [{ port: 80, protocol: 'UDP' }] },
      'fieldManager=bob',
    );
    expect(body.spec).toEqual({
      tags: ['a', 'c', 'b'],
      ports: [
        { port: 80, protocol: 'TCP', name: 'x' },
        { port: 81, protocol: 'TCP' },
        { port: 80, protocol: 'UDP' },
      ],
    });
    const less = await apply('merged', { tags: ['a'], ports: [{ port: 80, protocol: 'TCP', name: 'x' }] });
    expect(less.body.spec).toEqual({
      tags: ['a', 'c', 'b'],
      ports: [
        { port: 80, protocol: 'TCP', name: 'x' },
        { port: 80, protocol: 'UDP' },
      ],
    });
  });

  it('conflicts over what is atomic, and over one item', async () => {
    await apply('fought', { whole: ['a'], selector: { app: 'a' }, ports: [{ port: 80, name: 'x' }] });
    const others = { whole: ['b'], selector: { app: 'a', more: 'b' }, ports: [{ port: 80, name: 'y' }] };
    const { code, body } = await apply<Status>('fought', others, 'fieldManager=bob');
    expect([code, body.message]).toEqual([
      409,
      'Apply failed with 3 conflicts: conflicts with "ann":\n- .spec.selector\n- .spec.whole\n- .spec.ports[port=80,protocol="TCP"].name',
    ]);
    const forced = await apply('fought', others, 'fieldManager=bob&force=true');
    expect(forced.body.spec).toMatchObject({ whole: ['b'], selector: { app: 'a', more: 'b' } });
  });

  it('counts an update as it counts an apply', async () => {
    await apply('updated', { replicas: 1, tags: ['a'] });
    const { body } = await send('PATCH', `${path('v1', 'updated')}?fieldManager=upd`, {
      spec: { replicas: 5, tags: ['a', 'b'] },
    });
    expect(entriesOf(body)[1]?.fieldsV1).toEqual({
      'f:spec': { 'f:replicas': {}, 'f:tags': { 'v:"b"': {} } },
    });
    const { code, body: refused } = await apply<Status>('updated', { replicas: 1, tags: ['a'] });
    expect([code, refused.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "upd" using example.com/v1: .spec.replicas',
    ]);
    const part = { metadata: { managedFields: [{ manager: 'x', operation: 'Update' }] } };
    const status = await send('PATCH', `${path('v1', 'updated')}/status?fieldManager=s`, part);
    expect(entriesOf(status.body)).toEqual(entriesOf(body));
    const reset = await send('PATCH', path('v1', 'updated'), { metadata: { managedFields: [{}] } });
    expect(reset.body.metadata?.managedFields).toBeUndefined();
  });

  it('is one manager in all versions, which updates are not', async () => {
    await apply('versions', { replicas: 1, tags: ['a'] });
    const { body } = await apply('versions', { replicas: 1 }, 'fieldManager=ann', 'v1beta1');
    expect(body.spec).toEqual({ replicas: 1 });
    expect(entriesOf(body).map(({ apiVersion }) => apiVersion)).toEqual(['example.com/v1beta1']);
    for (const version of ['v1', 'v1beta1']) {
      const spec = { labels: { [version]: '' } };
      await send('PATCH', `${path(version, 'versions')}?fieldManager=upd`, { spec });
    }
    const { body: updated } = await send('GET', path('v1', 'versions'), '');
    expect(entriesOf(updated).map(({ manager, apiVersion }) => `${manager} ${apiVersion}`)).toEqual([
      'ann example.com/v1beta1',
      'upd example.com/v1',
      'upd example.com/v1beta1',
    ]);
  });

  it('applies a status and a scale', async () => {
    await apply('parts', { replicas: 1 });
    const status = { ...widget('parts', {}), status: { seen: 3 } };
    const { body } = await send(
      'PATCH',
      `${path('v1', 'parts')}/status?fieldManager=ctl`,
      status,
      'application/apply-patch+yaml',
    );
    expect(body).toMatchObject({ spec: { replicas: 1 }, status: { seen: 3 } });
    expect(entriesOf(body)[1]).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:seen': {} } },
    });
    const scale = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'parts' },
      spec: { replicas: 4 },
    };
    const scaled = `${path('v1', 'parts')}/scale?fieldManager=s`;
    const refused = await send<Status>('PATCH', scaled, scale, 'application/apply-patch+yaml');
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "ann": .spec.replicas');
    expect((await send('PATCH', `${scaled}&force=true`, scale, 'application/apply-patch+yaml')).code).toBe(
      200,
    );
    const { body: after } = await send('GET', path('v1', 'parts'), '');
    expect(after.spec).toEqual({ replicas: 4 });
    expect(entriesOf(after).map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['ctl', 'status'],
      ['s', 'scale'],
    ]);
  });

  it('refuses what the schema does not have', async () => {
    const title = 'failed to create typed patch object (/refused; example.com/v1, Kind=Widget): ';
    const cases: [object, string][] = [
      [{ unknown: 1 }, '.spec.unknown: field not declared in schema'],
      [{ replicas: 'x' }, '.spec.replicas: expected numeric (int or float), got string'],
      [{ tags: ['a', 'a'] }, '.spec.tags: duplicate entries for key [="a"]'],
      [
        { ports: [{ port: 1 }, { port: 1, protocol: 'TCP' }] },
        '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
      ],
      [
        { ports: [{ name: 'x' }] },
        '.spec.ports: element 0: associative list with keys has an element that omits key field "port" (and doesn\'t have default value)',
      ],
      [{ labels: { a: 1 } }, '.spec.labels.a: expected string, got &value.valueUnstructured{Value:1}'],
    ];
    for (const [spec, message] of cases) {
      const { code, body } = await apply<Status>('refused', spec);
      expect([code, body.message]).toEqual([500, title + message]);
    }
  });

  it('owns whole what has become atomic since', async () => {
    await apply('changed', { labels: { a: '1' }, ports: [{ port: 1 }] });
    await apply('changed', { labels: { b: '1' } }, 'fieldManager=bob');
    const { spec } = definition;
    const [first, ...others] = spec.versions;
    const atomic = structuredClone(first);
    const properties = atomic?.schema?.openAPIV3Schema?.properties?.spec?.properties;
    if (!atomic || !properties?.labels || !properties.ports) throw new Error('the schema has no labels');
    properties.labels['x-kubernetes-map-type'] = 'atomic';
    properties.ports['x-kubernetes-list-type'] = 'atomic';
    delete properties.ports['x-kubernetes-list-map-keys'];
    await server.client.patch(definitions, { name: 'widgets.example.com' }, 'merge', {
      spec: { versions: [atomic, ...others] },
    });
    await until(async () => {
      const { body } = await apply('changed', { labels: { a: '1', b: '1' } }, 'fieldManager=cyd&force=true');
      return JSON.stringify(body.metadata?.managedFields).includes('"f:labels":{}');
    });
    const { body } = await send('GET', path('v1', 'changed'), '');
    const owned = body.metadata?.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
    expect(owned?.sort()).toEqual([
      ['ann', { 'f:spec': { 'f:labels': {}, 'f:ports': {} } }],
      ['bob', { 'f:spec': { 'f:labels': {} } }],
      ['cyd', { 'f:spec': { 'f:labels': {} } }],
    ]);
  });
});
