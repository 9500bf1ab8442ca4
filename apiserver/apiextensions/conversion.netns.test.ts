import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { customResources, hasCondition } from '../../api/custom-resources.ts';
import type { KubeObject } from '../../api/object.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import { jsonPatch, startWebhookServer } from '../admission/testing/server.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

interface Point extends KubeObject {
  spec?: { place?: string; x?: number; y?: number; replicas?: number };
}

interface Request {
  uid: string;
  desiredAPIVersion: string;
  objects: Point[];
}

/** v1 has `place: 1,2`, v2 has `x` and `y`. */
function convert(object: Point, to: string): Point {
  const { place, x, y, ...rest } = object.spec ?? {};
  const [left, right] = (place ?? '').split(',').map(Number);
  const spec = to.endsWith('/v1')
    ? { ...rest, place: `${x},${y}` }
    : { ...rest, x: left ?? 0, y: right ?? 0 };
  return { ...object, apiVersion: to, spec };
}

let server: TestApiserver;
let webhook: Server;
let v1: Resource<Point>;
let v2: Resource<Point>;
let answer: ((request: Request) => object) | undefined;
let asked: Request[] = [];

beforeAll(async () => {
  server = await startTestApiserver();
  webhook = createServer({ ...server.pki.server }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const review = JSON.parse(Buffer.concat(chunks).toString()) as { request: Request; apiVersion: string };
    const { uid, desiredAPIVersion, objects } = review.request;
    asked.push(review.request);
    const convertedObjects = objects.map((object) => convert(object, desiredAPIVersion));
    const said = answer?.(review.request) ?? { result: { status: 'Success' }, convertedObjects };
    const { apiVersion } = review;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ kind: 'ConversionReview', apiVersion, response: { uid, ...said } }));
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const { port } = webhook.address() as AddressInfo;
  const version = (name: string, properties: object) => ({
    ...{ name, served: true, storage: name === 'v2' },
    subresources: {
      status: {},
      scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
    },
    additionalPrinterColumns: [{ name: 'Place', type: 'string', jsonPath: '.spec.place' }],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: { ...properties, replicas: { type: 'integer' } } },
          status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  });
  const definition = {
    metadata: { name: 'points.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'points', kind: 'Point' },
      scope: 'Namespaced',
      versions: [
        version('v1', { place: { type: 'string' } }),
        version('v2', { x: { type: 'integer' }, y: { type: 'integer' } }),
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          clientConfig: {
            url: `https://127.0.0.1:${port}/convert`,
            caBundle: Buffer.from(server.pki.ca).toString('base64'),
          },
          conversionReviewVersions: ['v1'],
        },
      },
    },
  } as CustomResourceDefinition;
  const { client } = server;
  await client.create(resources.customresourcedefinitions, definition);
  const ref = { name: 'points.example.com' };
  await vi.waitFor(async () => {
    const found = await client.get(resources.customresourcedefinitions, ref);
    expect(hasCondition(found, 'Established')).toBe(true);
  });
  const rows = customResources(await client.get(resources.customresourcedefinitions, ref));
  v1 = rows.get('v1') as Resource<Point>;
  v2 = rows.get('v2') as Resource<Point>;
});
afterEach(() => {
  answer = undefined;
  asked = [];
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  webhook.close();
  webhook.closeAllConnections();
  await server.stop();
});

const point = (name: string, spec: Point['spec']): Point => ({
  metadata: { name, namespace: 'default' },
  ...(spec ? { spec } : {}),
});

it('stores what a webhook makes of an object, and shows each version', async () => {
  const { client } = server;
  const made = await client.create(v1, point('a', { place: '3,4' }));
  expect(made).toMatchObject({ apiVersion: 'example.com/v1', spec: { place: '3,4' } });
  const ref = { name: 'a', namespace: 'default' };
  asked = [];
  expect(await client.get(v2, ref)).toMatchObject({ apiVersion: 'example.com/v2', spec: { x: 3, y: 4 } });
  expect(asked).toEqual([]);
  expect(await client.get(v1, ref)).toEqual(made);

  const patched = await client.patch(v1, ref, 'merge', { spec: { place: '5,6' } });
  expect(patched).toMatchObject({ metadata: { generation: 2 }, spec: { place: '5,6' } });
  expect((await client.get(v2, ref)).spec).toEqual({ x: 5, y: 6 });
  const same = await client.patch(v1, ref, 'merge', { spec: { place: '5,6' } });
  expect(same.metadata?.resourceVersion).toBe(patched.metadata?.resourceVersion);
  const updated = await client.update(v1, { ...patched, spec: { place: '7,8' } });
  expect(updated.spec).toEqual({ place: '7,8' });
  await client.update(v1, { ...updated, status: { ready: true } } as Point, 'status');
  expect(await client.get(v2, ref)).toMatchObject({ spec: { x: 7, y: 8 }, status: { ready: true } });
});

it('converts a list at once, and tables, scales, applies and deletions, too', async () => {
  const { client } = server;
  for (const name of ['b', 'c']) await client.create(v2, point(name, { x: 1, y: 2 }));
  asked = [];
  const { items } = await client.list(v1, { namespace: 'default' });
  expect(items.map(({ spec }) => spec?.place)).toEqual(expect.arrayContaining(['1,2']));
  expect(asked.length).toBeLessThanOrEqual(1);
  const path = '/apis/example.com/v1/namespaces/default/points';
  const table = await client.request<{ rows: { cells: unknown[] }[] }>('GET', path, undefined, {
    accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
  });
  expect(table.rows.map(({ cells }) => cells)).toContainEqual(['b', '1,2']);
  await client.request(
    'PATCH',
    `${path}/b/scale`,
    { spec: { replicas: 3 } },
    {
      'content-type': 'application/merge-patch+json',
    },
  );
  const ref = { name: 'b', namespace: 'default' };
  expect((await client.get(v2, ref)).spec).toEqual({ x: 1, y: 2, replicas: 3 });
  const config = {
    apiVersion: 'example.com/v1',
    kind: 'Point',
    metadata: { name: 'b' },
    spec: { place: '9,9' },
  };
  const applied = await client.request<Point>('PATCH', `${path}/b?fieldManager=me&force=true`, config, {
    'content-type': 'application/apply-patch+yaml',
  });
  expect(applied.spec).toEqual({ place: '9,9', replicas: 3 });
  await client.delete(v1, ref);
  await expect(client.get(v2, ref)).rejects.toMatchObject({ code: 404 });
});

it('converts what watchers see', async () => {
  const { client } = server;
  const seen: string[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    for await (const { type, object } of client.watch(v1, {
      signal: abort.signal,
      fieldSelector: 'metadata.name=w',
    })) {
      seen.push(`${type} ${object.apiVersion} ${object.spec?.place}`);
      if (type === 'DELETED') abort.abort();
    }
  })();
  await client.create(v2, point('w', { x: 1, y: 1 }));
  await client.patch(v2, { name: 'w', namespace: 'default' }, 'merge', { spec: { x: 2 } });
  await expect.poll(() => seen.length).toBe(2);
  await client.delete(v2, { name: 'w', namespace: 'default' });
  await watching.catch(() => undefined);
  expect(seen).toEqual([
    'ADDED example.com/v1 1,1',
    'MODIFIED example.com/v1 2,1',
    'DELETED example.com/v1 2,1',
  ]);
});

const failures: [string, (request: Request) => object, string][] = [
  ['refuses', () => ({ result: { status: 'Failure', message: 'not me' } }), ' failed: not me'],
  ['forgets to say so', () => ({}), " failed: response.result.status was '', not 'Success'"],
  ['answers somebody else', () => ({ uid: 'x' }), ' failed: expected response.uid='],
  [
    'loses one',
    () => ({ result: { status: 'Success' }, convertedObjects: [] }),
    ' returned 0 objects, expected 1',
  ],
  [
    'gives another version',
    ({ objects }) => ({ result: { status: 'Success' }, convertedObjects: objects }),
    'returned invalid converted object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)',
  ],
  [
    'gives another name',
    ({ objects }) => ({
      result: { status: 'Success' },
      convertedObjects: objects.map((one) => ({
        ...convert(one, 'example.com/v2'),
        metadata: { ...one.metadata, name: 'z' },
      })),
    }),
    'must have the same name: f != z',
  ],
];
it.each(failures)('fails where the webhook %s', async (_, said, text) => {
  answer = said;
  const make = server.client.create(v1, point('f', { place: '0,0' }));
  await expect(make).rejects.toMatchObject({ code: 500 });
  await expect(make).rejects.toThrow('conversion webhook for example.com/v1, Kind=Point');
  await expect(make).rejects.toThrow(text);
});

it('shows an object to admission webhooks in the version that they ask for, and takes back what they make', async () => {
  const { client } = server;
  const hooks = await startWebhookServer(server.pki.server);
  const seen: string[] = [];
  hooks.answers.set('/old', ({ request: { object } }) => {
    const { apiVersion, spec } = object as Point;
    seen.push(`${apiVersion} ${spec?.place}`);
    return jsonPatch({ op: 'replace', path: '/spec/place', value: '8,9' });
  });
  const name = 'old.example.com';
  await client.create(resources.mutatingwebhookconfigurations, {
    metadata: { name },
    webhooks: [
      {
        ...{ name, sideEffects: 'None', admissionReviewVersions: ['v1'] },
        clientConfig: { url: `${hooks.url}/old`, caBundle: Buffer.from(server.pki.ca).toString('base64') },
        rules: [
          { operations: ['*'], apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['points'] },
        ],
      },
    ],
  });
  try {
    const made = await client.create(v2, point('admitted', { x: 1, y: 2 }));
    expect(made.spec).toEqual({ x: 8, y: 9 });
    const ref = { name: 'admitted', namespace: 'default' };
    await client.patch(v1, ref, 'merge', { spec: { place: '3,3' } });
    expect((await client.get(v2, ref)).spec).toEqual({ x: 8, y: 9 });
    expect(seen).toEqual(['example.com/v1 1,2', 'example.com/v1 3,3']);
  } finally {
    await client.delete(resources.mutatingwebhookconfigurations, { name });
    await hooks.stop();
  }
});

it('converts what was stored before another version was, and after', async () => {
  const { client } = server;
  const ref = { name: 'points.example.com' };
  const storing = async (name: string) => {
    const found = await client.get(resources.customresourcedefinitions, ref);
    const versions = found.spec.versions.map((one) => ({ ...one, storage: one.name === name }));
    return client.update(resources.customresourcedefinitions, {
      ...found,
      spec: { ...found.spec, versions },
    });
  };
  await storing('v1');
  const before = await client.create(v1, point('before', { place: '1,2' }));
  await storing('v2');
  const after = await client.create(v1, point('after', { place: '3,4' }));
  expect([before.spec, after.spec]).toEqual([{ place: '1,2' }, { place: '3,4' }]);
  const specs = async (version: Resource<Point>) => {
    const { items } = await client.list(version, { namespace: 'default' });
    return items
      .filter(({ metadata }) => /^(before|after)$/.test(metadata?.name ?? ''))
      .map(({ spec }) => spec);
  };
  expect(await specs(v1)).toEqual([{ place: '3,4' }, { place: '1,2' }]);
  expect(await specs(v2)).toEqual([
    { x: 3, y: 4 },
    { x: 1, y: 2 },
  ]);
});
