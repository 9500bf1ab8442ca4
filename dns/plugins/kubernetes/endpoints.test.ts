import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, createClient } from '../../../api/client.ts';
import { resources } from '../../../api/scheme.ts';
import type { ClusterRole, Endpoints } from '../../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../../../apiserver/testing/apiserver.ts';
import { startDns } from '../../main.ts';
import { createTestLog } from '../../testing/ask.ts';
import { askPort } from '../../testing/client.ts';
import { service, slice } from '../../testing/objects.ts';
import { createEndpointsParts } from './endpoints.ts';

/** A ClusterRole of CoreDNS 1.3.1: Endpoints, and no EndpointSlices. */

let api: TestApiserver;
let credentials: { cert: string; key: string };
beforeAll(async () => {
  api = await startTestApiserver();
  credentials = api.pki.client('coredns');
  await api.client.create(resources.namespaces, { metadata: { name: 'ns' } });
  await api.client.create(resources.services, service('ns/web', ['None'], { http: 80 }));
  await api.client.create(resources.endpointslices, slice('web-1', 'ns/web', ['10.1.0.1'], { http: 80 }));
  await api.client.create(resources.endpoints, endpoints('web', [['10.1.0.2'], { http: 80 }]));
});
afterAll(() => api.stop());

type Subset = [addresses: (string | { ip: string; hostname: string })[], ports: Record<string, number>];

const endpoints = (name: string, ...subsets: Subset[]): Endpoints => ({
  kind: 'Endpoints',
  apiVersion: 'v1',
  metadata: { name, namespace: 'ns' },
  subsets: subsets.map(([addresses, ports]) => ({
    addresses: addresses.map((address) => (typeof address === 'string' ? { ip: address } : address)),
    ports: Object.entries(ports).map(([portName, port]) => ({ name: portName, port, protocol: 'TCP' })),
  })),
});

const role = (name: string, withSlices: boolean): ClusterRole => ({
  metadata: { name },
  rules: [
    { apiGroups: [''], resources: ['endpoints', 'services', 'namespaces'], verbs: ['list', 'watch'] },
    ...(withSlices
      ? [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }]
      : []),
  ],
});

/** Binds the role to the user of {@link credentials}; the function takes all of it away. */
async function grant(withSlices: boolean): Promise<() => Promise<unknown>> {
  const name = withSlices ? 'today' : 'former';
  const group = 'rbac.authorization.k8s.io';
  await api.client.create(resources.clusterroles, role(name, withSlices));
  await api.client.create(resources.clusterrolebindings, {
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name },
    subjects: [{ apiGroup: group, kind: 'User', name: 'coredns' }],
  });
  return () => api.client.delete(resources.clusterrolebindings, { name });
}

/** A server that asks as that user. */
async function serve() {
  const client: Client = createClient({ server: api.url, ca: api.pki.ca, ...credentials });
  const end = new AbortController();
  const log = createTestLog();
  const corefileText = '.:0 {\n kubernetes cluster.local {\n  startup_timeout 20ms\n }\n}';
  const dns = await startDns({ corefileText, client: () => client, log }, { signal: end.signal });
  const port = dns.ports.get(':0') ?? 0;
  return {
    lines: log.lines,
    addresses: async (name: string) => (await askPort(port, `${name}.ns.svc.cluster.local`)).answers,
    async [Symbol.asyncDispose]() {
      end.abort();
      await dns.ended;
      client.close();
    },
  };
}

const patient = { timeout: 10_000, interval: 10 };

test('with a role of before EndpointSlices, Endpoints are followed: they come, change, and go', async () => {
  const takeAway = await grant(false);
  await using server = await serve();
  const { addresses } = server;
  await expect.poll(() => addresses('web'), patient).toEqual(['10.1.0.2']);
  expect(
    server.lines.filter((line) => line.includes('following Endpoints, not EndpointSlices')),
  ).toHaveLength(1);

  const two = endpoints(
    'web',
    [[{ ip: '10.1.0.3', hostname: 'three' }], { http: 80 }],
    [['10.1.0.4'], { http: 81 }],
  );
  await api.client.update(resources.endpoints, two);
  await expect.poll(async () => (await addresses('web')).sort(), patient).toEqual(['10.1.0.3', '10.1.0.4']);
  expect(await addresses('three.web')).toEqual(['10.1.0.3']);

  await api.client.update(resources.endpoints, endpoints('web', [['10.1.0.2'], { http: 80 }]));
  await expect.poll(() => addresses('web'), patient).toEqual(['10.1.0.2']);
  expect(await addresses('three.web')).toEqual([]);
  await takeAway();
});

test('a role that comes late and has both is waited for: EndpointSlices it is', async () => {
  await using server = await serve();
  await expect
    .poll(() => server.lines.join('\n'), patient)
    .toMatch(/failed to list and watch endpointslices.* is forbidden/);
  const takeAway = await grant(true);
  await expect.poll(() => server.addresses('web'), patient).toEqual(['10.1.0.1']);
  expect(server.lines.join('\n')).not.toContain('following Endpoints');
  await takeAway();
});

test('a subset that is no more is deleted, and all of them with the Endpoints', () => {
  const partsOf = createEndpointsParts();
  const names = (gone: boolean, ...subsets: Subset[]) => {
    const { put, deleted } = partsOf(endpoints('web', ...subsets), gone);
    return [put, deleted].map((slices) => slices.map(({ metadata }) => metadata?.name));
  };
  expect(names(false, [['10.1.0.1'], { a: 1 }], [['10.1.0.2'], { b: 2 }])).toEqual([['web/0', 'web/1'], []]);
  expect(names(false, [['10.1.0.1'], { a: 1 }])).toEqual([['web/0'], ['web/1']]);
  expect(names(true)).toEqual([[], ['web/0']]);
  expect(names(true)).toEqual([[], []]);
});
