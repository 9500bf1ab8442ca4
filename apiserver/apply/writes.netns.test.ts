import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap, Deployment, Status } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { configMap, deployment, entriesOf, sendTo } from '../testing/fields.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const maps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const merge = 'application/merge-patch+json';

const send = <T>(method: string, path: string, body: unknown, type?: string) =>
  sendTo<T>(server.socket, method, path, body, type);
const apply = <T>(path: string, body: unknown, query = 'fieldManager=ann') =>
  send<T>('PATCH', `${path}?${query}`, body, 'application/apply-patch+yaml');

/** The facts of upstream's `test/integration/apiserver/apply/apply_test.go`. */
describe('managed fields', () => {
  const bad = {
    managedFields: [{ manager: 'a', operation: 'RandomOperation', apiVersion: 'v1', fieldsType: 'FieldsV1' }],
  };

  it('that cannot be read fail no write', async () => {
    const made = { ...configMap('bad', { a: '1' }), metadata: { name: 'bad', ...bad } };
    const { code, body } = await send<ConfigMap>('POST', maps, made);
    expect([code, entriesOf(body).map(({ manager }) => manager)]).toEqual([201, ['tester']]);
    const put = await send<ConfigMap>('PUT', `${maps}/bad`, made);
    expect([put.code, entriesOf(put.body)]).toEqual([200, entriesOf(body)]);
    const patched = await send<ConfigMap>('PATCH', `${maps}/bad`, { metadata: bad }, merge);
    expect([patched.code, entriesOf(patched.body)]).toEqual([200, entriesOf(body)]);
  });

  it.each([
    ['json-patch', [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }]],
    ['merge-patch', { metadata: { managedFields: [{}] } }],
    ['strategic-merge-patch', { metadata: { managedFields: [{}] } }],
  ])('are cleared by a %s', async (type, patch) => {
    await apply(`${maps}/${type}`, configMap(type, { a: '1' }));
    const { code, body } = await send<ConfigMap>(
      'PATCH',
      `${maps}/${type}`,
      patch,
      `application/${type}+json`,
    );
    expect([code, body.metadata?.managedFields]).toEqual([200, undefined]);
  });

  it('are not changed by a status', async () => {
    const { body } = await apply<Deployment>(`${deployments}/part`, deployment('part'));
    const patch = { metadata: { managedFields: [{ manager: 'x', operation: 'Update', apiVersion: 'v1' }] } };
    const after = await send<Deployment>('PATCH', `${deployments}/part/status`, patch, merge);
    expect([after.code, entriesOf(after.body)]).toEqual([200, entriesOf(body)]);
  });

  it('of who applies nothing any more are gone', async () => {
    await apply(`${maps}/empty`, configMap('empty', { a: '1' }));
    const { body } = await apply<ConfigMap>(`${maps}/empty`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'empty' },
    });
    expect([body.data, body.metadata?.managedFields]).toEqual([undefined, undefined]);
  });
});

describe('a Deployment', () => {
  const path = (name: string) => `${deployments}/${name}`;
  const withContainers = (name: string, containers: object[], more: object = {}) =>
    deployment(name, { template: { metadata: { labels: { app: name } }, spec: { containers } }, ...more });

  it('keeps what is given up while another owns it, and falls back to the default otherwise', async () => {
    const config = deployment('unset', { replicas: 3 });
    await apply(path('unset'), config, 'fieldManager=one');
    await apply(path('unset'), config, 'fieldManager=two');
    const shared = await apply<Deployment>(path('unset'), deployment('unset'), 'fieldManager=one');
    expect(shared.body.spec?.replicas).toBe(3);
    const alone = await apply<Deployment>(path('unset'), deployment('unset'), 'fieldManager=two');
    expect(alone.body.spec?.replicas).toBe(1);
  });

  it('keeps what a controller has taken over', async () => {
    const { body } = await apply<Deployment>(path('taken'), deployment('taken', { replicas: 3 }));
    await send('PUT', path('taken'), { ...body, spec: { ...body.spec, replicas: 4 } });
    const left = await apply<Deployment>(path('taken'), deployment('taken'));
    expect(left.body.spec?.replicas).toBe(4);
  });

  it('loses a container that is no longer applied, with what a controller set in it', async () => {
    const { body } = await apply<Deployment>(
      path('less'),
      withContainers('less', [{ name: 'a', image: 'i' }]),
    );
    const [container] = body.spec?.template.spec?.containers ?? [];
    const changed = withContainers('less', [{ ...container, workingDir: '/x' }]);
    expect((await send('PUT', path('less'), changed)).code).toBe(200);
    const { body: left } = await apply<Deployment>(
      path('less'),
      withContainers('less', [{ name: 'b', image: 'i' }]),
    );
    expect(left.spec?.template.spec?.containers.map(({ name }) => name)).toEqual(['b']);
  });

  it('knows a port by its protocol, also where that is not said', async () => {
    const named = (port: object) => [{ name: 'a', image: 'i', ports: [{ containerPort: 80, ...port }] }];
    await apply(path('ports'), withContainers('ports', named({ name: 'foo' })));
    const other = withContainers('ports', named({ name: 'bar', protocol: 'TCP' }));
    const { code, body } = await apply<Status>(path('ports'), other, 'fieldManager=bob');
    expect([code, body.details?.causes?.map(({ field }) => field)]).toEqual([
      409,
      ['.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].name'],
    ]);
  });
});

describe('a configuration', () => {
  it('with the uid of another object, or a version that is no longer, is refused', async () => {
    const wanted = configMap('unique', { a: '1' });
    const made = { ...wanted, metadata: { ...wanted.metadata, uid: 'no-such-uid' } };
    const { code, body } = await apply<Status>(`${maps}/unique`, made);
    expect([code, body.message]).toEqual([
      409,
      expect.stringContaining('uid mismatch: the provided object specified uid no-such-uid'),
    ]);
    const { body: first } = await apply<ConfigMap>(`${maps}/unique`, wanted);
    await apply(`${maps}/unique`, configMap('unique', { a: '2' }));
    const { resourceVersion = '' } = first.metadata ?? {};
    const old = { ...configMap('unique', { a: '3' }), metadata: { ...wanted.metadata, resourceVersion } };
    const stale = await apply<Status>(`${maps}/unique`, old);
    expect([stale.code, stale.body.reason]).toEqual([409, 'Conflict']);
  });

  it('that drops the last finalizer of what is deleted lets it go', async () => {
    const base = configMap('final', { a: '1' });
    const held = { ...base, metadata: { ...base.metadata, finalizers: ['example.com/hold'] } };
    await apply(`${maps}/final`, held);
    expect(
      (await send<ConfigMap>('DELETE', `${maps}/final`, '')).body.metadata?.deletionTimestamp,
    ).toBeDefined();
    expect((await apply(`${maps}/final`, held)).code).toBe(200);
    expect((await apply(`${maps}/final`, base)).code).toBe(200);
    expect((await send('GET', `${maps}/final`, '')).code).toBe(404);
  });
});
