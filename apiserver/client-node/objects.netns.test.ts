import * as k8s from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { kubeconfigOf } from '../testing/kubectl.ts';

let server: TestApiserver;
let config: k8s.KubeConfig;

beforeAll(async () => {
  server = await startTestApiserver();
  config = new k8s.KubeConfig();
  config.loadFromString(await kubeconfigOf(server));
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const namespace = 'default';
const configMap = (name: string, data: Record<string, string>): k8s.V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const deployment = (name: string, replicas: number): k8s.V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
    },
  },
});

describe('typed clients', () => {
  it('create, read, list, replace and delete, with objects of their classes', async () => {
    const core = config.makeApiClient(k8s.CoreV1Api);
    const made = await core.createNamespacedConfigMap({ namespace, body: configMap('typed', { a: '1' }) });
    expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const read = await core.readNamespacedConfigMap({ namespace, name: 'typed' });
    expect(read).toEqual(made);
    const next = { ...read, data: { b: '2' } };
    expect((await core.replaceNamespacedConfigMap({ namespace, name: 'typed', body: next })).data).toEqual({
      b: '2',
    });
    await expect(
      core.replaceNamespacedConfigMap({ namespace, name: 'typed', body: next }),
    ).rejects.toMatchObject({ code: 409 });
    const { items, metadata } = await core.listNamespacedConfigMap({
      namespace,
      fieldSelector: 'metadata.name=typed',
      limit: 1,
    });
    expect([items.length, metadata?._continue]).toEqual([1, undefined]);
    const status = await core.deleteNamespacedConfigMap({ namespace, name: 'typed' });
    expect(status.status).toBe('Success');
    await expect(core.readNamespacedConfigMap({ namespace, name: 'typed' })).rejects.toMatchObject({
      code: 404,
    });
  });

  it('page through lists', async () => {
    const core = config.makeApiClient(k8s.CoreV1Api);
    const names = ['page-1', 'page-2', 'page-3'];
    for (const name of names) await core.createNamespacedConfigMap({ namespace, body: configMap(name, {}) });
    const seen: (string | undefined)[] = [];
    let _continue: string | undefined;
    do {
      const list = await core.listNamespacedConfigMap({
        namespace,
        limit: 1,
        ...(_continue ? { _continue } : {}),
      });
      seen.push(...list.items.map(({ metadata }) => metadata?.name));
      _continue = list.metadata?._continue;
    } while (_continue);
    expect(seen.filter((name) => name?.startsWith('page-'))).toEqual(names);
  });

  it('write status and scale', async () => {
    const apps = config.makeApiClient(k8s.AppsV1Api);
    await apps.createNamespacedDeployment({ namespace, body: deployment('parts', 1) });
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'parts' });
    const body = { ...scale, spec: { replicas: 4 } };
    expect(
      (await apps.replaceNamespacedDeploymentScale({ namespace, name: 'parts', body })).spec?.replicas,
    ).toBe(4);
    const read = await apps.readNamespacedDeployment({ namespace, name: 'parts' });
    expect(read.spec?.replicas).toBe(4);
    const status = { ...read, status: { observedGeneration: 2, replicas: 4 } };
    const written = await apps.replaceNamespacedDeploymentStatus({ namespace, name: 'parts', body: status });
    expect(written.status).toMatchObject({ observedGeneration: 2, replicas: 4 });
  });

  it('issue tokens, ask about rights, evict', async () => {
    const core = config.makeApiClient(k8s.CoreV1Api);
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
    const body = { spec: { audiences: [], expirationSeconds: 600 } };
    const token = await core.createNamespacedServiceAccountToken({ namespace, name: 'robot', body });
    const robot = new k8s.KubeConfig();
    robot.loadFromString(await kubeconfigOf(server));
    robot.users = [{ name: 'kubernetes-admin', token: token.status?.token ?? '' }];
    const review = { spec: { resourceAttributes: { verb: 'list', resource: 'secrets', namespace } } };
    const asked = await robot
      .makeApiClient(k8s.AuthorizationV1Api)
      .createSelfSubjectAccessReview({ body: review });
    expect(asked.status?.allowed).toBe(false);
    await expect(
      robot.makeApiClient(k8s.CoreV1Api).listNamespacedSecret({ namespace }),
    ).rejects.toMatchObject({ code: 403 });
  });
});

describe('patches', () => {
  it.each([
    [k8s.PatchStrategy.JsonPatch, [{ op: 'replace', path: '/data/a', value: '2' }], { a: '2', b: '1' }],
    [k8s.PatchStrategy.MergePatch, { data: { a: null } }, { b: '1' }],
    [k8s.PatchStrategy.StrategicMergePatch, { data: { c: '3' } }, { a: '1', b: '1', c: '3' }],
    [k8s.PatchStrategy.ServerSideApply, configMap('patched', { d: '4' }), { a: '1', b: '1', d: '4' }],
  ] as const)('%s', async (strategy, body, data) => {
    const core = config.makeApiClient(k8s.CoreV1Api);
    await core.createNamespacedConfigMap({ namespace, body: configMap('patched', { a: '1', b: '1' }) });
    const options = k8s.setHeaderOptions('Content-Type', strategy);
    const manager = strategy === k8s.PatchStrategy.ServerSideApply ? { fieldManager: 'tester' } : {};
    const patched = await core.patchNamespacedConfigMap(
      { namespace, name: 'patched', body, ...manager },
      options,
    );
    expect(patched.data).toEqual(data);
    await core.deleteNamespacedConfigMap({ namespace, name: 'patched' });
  });

  it('apply on the server, refuse conflicts, take over by force', async () => {
    const api = k8s.KubernetesObjectApi.makeApiClient(config);
    const apply = (replicas: number, manager: string, force = false) =>
      api.patch(
        deployment('applied', replicas),
        undefined,
        undefined,
        manager,
        force,
        k8s.PatchStrategy.ServerSideApply,
      ) as Promise<k8s.V1Deployment>;
    expect((await apply(1, 'ann')).spec?.replicas).toBe(1);
    await expect(apply(2, 'bob')).rejects.toMatchObject({
      code: 409,
      body: expect.stringContaining('conflict with \\"ann\\"'),
    });
    const { spec, metadata } = await apply(2, 'bob', true);
    expect(spec?.replicas).toBe(2);
    expect(metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
      'ann Apply',
      'bob Apply',
    ]);
    const dry = (await api.patch(
      deployment('applied', 9),
      undefined,
      'All',
      'bob',
      true,
      k8s.PatchStrategy.ServerSideApply,
    )) as k8s.V1Deployment;
    expect(dry.spec?.replicas).toBe(9);
    expect(
      (await config.makeApiClient(k8s.AppsV1Api).readNamespacedDeployment({ namespace, name: 'applied' }))
        .spec?.replicas,
    ).toBe(2);
  });
});

describe('clients without types', () => {
  it('find kinds by discovery', async () => {
    const api = k8s.KubernetesObjectApi.makeApiClient(config);
    const object = configMap('generic', { a: '1' });
    await api.create(object);
    const read = await api.read<k8s.V1ConfigMap>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'generic', namespace },
    });
    expect(read.data).toEqual({ a: '1' });
    const next = await api.replace({ ...read, data: { a: '2' } });
    expect(next.data).toEqual({ a: '2' });
    const { items } = await api.list<k8s.V1ConfigMap>(
      'v1',
      'ConfigMap',
      namespace,
      undefined,
      undefined,
      undefined,
      'metadata.name=generic',
    );
    expect(items.map(({ data }) => data)).toEqual([{ a: '2' }]);
    expect((await api.delete(object)).status).toBe('Success');
    await expect(
      api.read({ apiVersion: 'no.such/v1', kind: 'Thing', metadata: { name: 'x' } }),
    ).rejects.toThrow();
  });

  it('work with custom kinds', async () => {
    const extensions = config.makeApiClient(k8s.ApiextensionsV1Api);
    const spec = { type: 'object', properties: { size: { type: 'integer' } } };
    await extensions.createCustomResourceDefinition({
      body: {
        metadata: { name: 'gadgets.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'gadgets', kind: 'Gadget' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
            },
          ],
        },
      },
    });
    const established = async () => {
      const { status } = await extensions.readCustomResourceDefinition({ name: 'gadgets.example.com' });
      return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
    };
    await expect.poll(established).toBe(true);
    const api = config.makeApiClient(k8s.CustomObjectsApi);
    const where = { group: 'example.com', version: 'v1', namespace, plural: 'gadgets' };
    const body = { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'g' }, spec: { size: 1 } };
    await api.createNamespacedCustomObject({ ...where, body });
    const json = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);
    const patched = await api.patchNamespacedCustomObject(
      { ...where, name: 'g', body: { spec: { size: 2 } } },
      json,
    );
    expect(patched).toMatchObject({ spec: { size: 2 }, metadata: { generation: 2 } });
    const list = await api.listNamespacedCustomObject(where);
    expect(list).toMatchObject({ kind: 'GadgetList', items: [{ metadata: { name: 'g' } }] });
    await expect(
      api.createNamespacedCustomObject({
        ...where,
        body: { ...body, metadata: { name: 'h' }, spec: { size: 'x' } },
      }),
    ).rejects.toMatchObject({ code: 422 });
    expect(await api.deleteNamespacedCustomObject({ ...where, name: 'g' })).toMatchObject({
      status: 'Success',
    });
  });
});

describe('the server', () => {
  it('tells its health and version', async () => {
    const health = new k8s.Health(config);
    expect(await Promise.all([health.readyz({}), health.livez({})])).toEqual([true, true]);
    expect((await config.makeApiClient(k8s.VersionApi).getCode()).major).toBe('1');
  });

  it('says that there are no metrics', async () => {
    const core = config.makeApiClient(k8s.CoreV1Api);
    await expect(new k8s.Metrics(config).getNodeMetrics()).rejects.toMatchObject({ code: 404 });
    await expect(k8s.topPods(core, new k8s.Metrics(config), namespace)).rejects.toMatchObject({ code: 404 });
    expect(await k8s.topNodes(core)).toEqual([]);
  });
});
