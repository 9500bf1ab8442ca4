import { afterAll, expect, it } from 'vitest';
import { customResources, hasCondition } from '../../api/custom-resources.ts';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import { openEtcdStorage } from '../storage/etcd/storage.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { etcdProgram, startTestEtcd } from '../testing/etcd.ts';

const program = await etcdProgram();
const etcd = program ? await startTestEtcd(program) : undefined;
const running: TestApiserver[] = [];
afterAll(async () => {
  const failures: unknown[] = [];
  for (const server of running) {
    failures.push(...server.failures);
    await server.stop();
  }
  await etcd?.stop();
  expect(failures).toEqual([]);
});

const options = { endpoints: [etcd?.url ?? ''], tls: etcd?.tls ?? {}, prefix: '/registry' };

async function start(host: string): Promise<TestApiserver> {
  const server = await startTestApiserver({ etcd: options, advertise: { host, port: 6443 } });
  running.push(server);
  return server;
}

const definition = {
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
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer', maximum: 5 } } } },
          },
        },
      },
    ],
  },
} as CustomResourceDefinition;

it.skipIf(!etcd)('serves custom kinds from each of several apiservers, to those who may', async () => {
  const [one, two] = await Promise.all([start('172.18.0.2'), start('172.18.0.3')]);
  await one.client.create(resources.customresourcedefinitions, definition);
  const ref = { name: 'widgets.example.com' };
  const seen = () => two.client.get(resources.customresourcedefinitions, ref);
  await expect.poll(async () => hasCondition(await seen(), 'Established')).toBe(true);
  const row = customResources(await seen()).get('v1');
  if (!row) throw new Error('no version v1');
  interface Widget extends KubeObject {
    spec?: { size?: number };
  }
  const widget = (name: string, size: number): Widget => ({
    metadata: { name, namespace: 'default' },
    spec: { size },
  });
  // The other one serves a kind as soon as it has seen what the first wrote.
  await expect.poll(() => two.client.create(row, widget('a', 1)).then(() => 'made', String)).toBe('made');
  const name = { name: 'a', namespace: 'default' };
  expect(await one.client.get(row, name)).toMatchObject({ kind: 'Widget', spec: { size: 1 } });
  await expect(one.client.create(row, widget('b', 6))).rejects.toThrow('should be less than or equal to 5');
  await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      (at % 2 ? one : two).client.create(row, widget(`many-${at}`, at % 5)),
    ),
  );
  expect((await one.client.list(row, { namespace: 'default' })).items).toHaveLength(21);

  const storage = await openEtcdStorage(options);
  const { values } = await storage.range('/registry/example.com/widgets/default/');
  expect(values.map(({ key }) => key)).toContain('/registry/example.com/widgets/default/a');
  await storage.close();

  const path = '/apis/example.com/v1/namespaces/default/widgets/a';
  const jane = () => two.client.request('GET', path, undefined, { 'impersonate-user': 'jane' });
  await expect(jane()).rejects.toThrow(
    'widgets.example.com "a" is forbidden: User "jane" cannot get resource "widgets" in API group "example.com" in the namespace "default"',
  );
  await one.client.create(resources.clusterroles, {
    metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get'] }],
  });
  await one.client.create(resources.rolebindings, {
    metadata: { name: 'jane', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'widgets' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  });
  expect(await jane()).toMatchObject({ kind: 'Widget' });

  await one.client.delete(resources.customresourcedefinitions, ref);
  await expect
    .poll(() =>
      two.client.get(row, name).then(
        () => 'there',
        ({ code }: { code: number }) => code,
      ),
    )
    .toBe(404);
});
