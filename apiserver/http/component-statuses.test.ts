import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { ComponentStatus } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let apiserver: TestApiserver;
beforeAll(async () => {
  apiserver = await startTestApiserver();
});
afterAll(() => apiserver.stop());

const summary = ({ metadata, conditions }: ComponentStatus) =>
  [metadata?.name, conditions?.[0]?.status, conditions?.[0]?.message].join(' ');

/** Whether something of this machine listens where a component would. */
const taken = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer().once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });

test('components are judged by their Leases, or by what they answer here', async () => {
  const { client } = apiserver;
  const free = !(await taken(10_259));
  const { items } = await client.list(resources.componentstatuses);
  expect(items.map(({ metadata }) => metadata?.name)).toEqual(['controller-manager', 'scheduler', 'etcd-0']);
  expect(items.map(summary).at(-1)).toBe('etcd-0 True ok');
  if (free) {
    expect(items.map(summary)).toContain(
      'scheduler False Get "https://127.0.0.1:10259/healthz": dial tcp 127.0.0.1:10259: connect: connection refused',
    );
  }
  const lease = (name: string, age: number) =>
    client.create(resources.leases, {
      metadata: { name, namespace: 'kube-system' },
      spec: {
        holderIdentity: 'one',
        leaseDurationSeconds: 15,
        renewTime: new Date(Date.now() - age).toISOString().replace('Z', '000Z'),
      },
    });
  await lease('kube-scheduler', 0);
  await lease('kube-controller-manager', 60_000);
  const one = await client.get(resources.componentstatuses, { name: 'scheduler' });
  expect(summary(one)).toBe('scheduler True ok');
  const other = await client.get(resources.componentstatuses, { name: 'controller-manager' });
  expect(summary(other)).toMatch(/^controller-manager False one last renewed its Lease at /);
  await expect(client.get(resources.componentstatuses, { name: 'x' })).rejects.toMatchObject({ code: 404 });
  const table = await client.request('GET', '/api/v1/componentstatuses', undefined, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  expect(table).toMatchObject({
    kind: 'Table',
    rows: [{}, { cells: ['scheduler', 'Healthy', 'ok', ''] }, {}],
  });
});

test('those in the same process are as healthy as it', async () => {
  const other = await startTestApiserver();
  const answer = await other.loopback.open('GET', '/api/v1/componentstatuses', {});
  expect(answer.statusCode).toBe(200);
  const { items } = await other.client.list(resources.componentstatuses);
  expect(items.map(summary)).toEqual(['controller-manager True ok', 'scheduler True ok', 'etcd-0 True ok']);
  await other.stop();
});
