import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { ClusterRole } from '../../api/types.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const older = { ...resources.clusterroles, version: 'v1beta1' };

it('shows one object under every version that its kind is served in', async () => {
  const { client } = server;
  const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
  const made = await client.create(older, { metadata: { name: 'versions', labels: { a: 'b' } }, rules });
  expect(made).toMatchObject({ apiVersion: 'rbac.authorization.k8s.io/v1beta1', kind: 'ClusterRole', rules });
  const ref = { name: 'versions' };
  expect(await client.get(resources.clusterroles, ref)).toEqual({
    ...made,
    apiVersion: 'rbac.authorization.k8s.io/v1',
  });
  await client.patch(older, ref, 'merge', {
    apiVersion: 'rbac.authorization.k8s.io/v1beta1',
    metadata: { labels: { a: 'c' } },
  });
  const list = await client.request<{ apiVersion: string; kind: string; items: ClusterRole[] }>(
    'GET',
    '/apis/rbac.authorization.k8s.io/v1beta1/clusterroles?labelSelector=a%3Dc',
  );
  expect(list).toMatchObject({ apiVersion: 'rbac.authorization.k8s.io/v1beta1', kind: 'ClusterRoleList' });
  expect(list.items.map(({ metadata }) => metadata?.name)).toEqual(['versions']);
  await expect(
    client.create(older, { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'b' }, rules }),
  ).rejects.toThrow(
    'the API version in the data (rbac.authorization.k8s.io/v1) does not match the expected API version (rbac.authorization.k8s.io/v1beta1)',
  );
});

it('shows the node and the zone of an endpoint as topology in v1beta1, and reads them from there', async () => {
  const { client } = server;
  const slices = { ...resources.endpointslices, version: 'v1beta1', converted: true as const };
  const ref = { namespace: 'default', name: 'topology' };
  const endpoint = { addresses: ['10.244.1.5'], nodeName: 'worker' };
  const topology = {
    'kubernetes.io/hostname': 'worker',
    'topology.kubernetes.io/zone': 'a',
    'example.org/rack': '7',
  };
  const older = { metadata: ref, addressType: 'IPv4', ports: [], endpoints: [{ ...endpoint, topology }] };
  expect(await client.create(slices, older)).toMatchObject({
    apiVersion: 'discovery.k8s.io/v1beta1',
    endpoints: [{ ...endpoint, topology }],
  });
  expect((await client.get(resources.endpointslices, ref)).endpoints).toEqual([
    { ...endpoint, zone: 'a', deprecatedTopology: { 'example.org/rack': '7' } },
  ]);
  const made = await client.get(resources.endpointslices, ref);
  await client.update(resources.endpointslices, {
    ...made,
    endpoints: [{ addresses: ['10.244.1.6'], nodeName: 'w2' }],
  });
  expect((await client.get(slices, ref)).endpoints).toEqual([
    { addresses: ['10.244.1.6'], nodeName: 'w2', topology: { 'kubernetes.io/hostname': 'w2' } },
  ]);
});

it('takes the node of an endpoint from topology alone, as controllers of 1.20 write it, and shows both in protobuf too', async () => {
  const { client } = server;
  const topology = { 'kubernetes.io/hostname': 'worker', 'topology.kubernetes.io/zone': 'a', other: 'x' };
  const beta = {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1beta1',
    metadata: { name: 'beta', namespace: 'default' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], topology }],
    ports: [],
  };
  const path = '/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices';
  await client.request('POST', `${path}?fieldValidation=Strict`, beta);
  const ref = { name: 'beta', namespace: 'default' };
  expect((await client.get(resources.endpointslices, ref)).endpoints).toEqual([
    { addresses: ['10.0.0.1'], nodeName: 'worker', zone: 'a', deprecatedTopology: { other: 'x' } },
  ]);
  const shown = { apiVersion: beta.apiVersion, endpoints: [{ addresses: ['10.0.0.1'], topology }] };
  expect(await client.request('GET', `${path}/beta`)).toMatchObject(shown);
  expect(await client.request('GET', path)).toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({
        endpoints: [{ ...shown.endpoints[0], nodeName: 'worker' }],
      }),
    ]),
  });
  const protobuf = { accept: 'application/vnd.kubernetes.protobuf', host: 'localhost' };
  const response = await server.loopback.open('GET', `${path}/beta`, { headers: protobuf });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  expect(decodeProtobuf(Buffer.concat(chunks))).toMatchObject(shown);
});

it('tells other servers whose certificates of clients are good', async () => {
  const ref = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
  const { data } = await server.client.get(resources.configmaps, ref);
  expect(data).toEqual({ 'client-ca-file': server.pki.ca });
  await server.client.patch(resources.configmaps, ref, 'merge', { data: { 'client-ca-file': 'another' } });
  server = await server.restart();
  const { data: again } = await server.client.get(resources.configmaps, ref);
  expect(again).toEqual({ 'client-ca-file': server.pki.ca });
});

it('knows the fields of an Event by the names that each group has for them', async () => {
  const { client } = server;
  await client.create(resources.events, {
    metadata: { name: 'told', namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' },
    reportingComponent: 'test-controller',
    reportingInstance: 'one',
    reason: 'Told',
  });
  const names = async (path: string, selector: string) => {
    const list = await client.request<{ items: { metadata: { name: string } }[] }>(
      'GET',
      `${path}/namespaces/default/events?fieldSelector=${selector}`,
    );
    return list.items.map(({ metadata }) => metadata.name);
  };
  const [core, group] = ['/api/v1', '/apis/events.k8s.io/v1'];
  expect(await names(group, 'reportingController=test-controller,regarding.name=web')).toEqual(['told']);
  expect(await names(group, 'reportingController=other')).toEqual([]);
  expect(await names(core, 'source=test-controller,involvedObject.name=web')).toEqual(['told']);
  await expect(names(core, 'reportingController=test-controller')).rejects.toThrow('not supported');
  await expect(names(group, 'involvedObject.name=web')).rejects.toThrow('not supported');
});
