import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { APIService } from '../../api/types.ts';
import { createAuthority, issuerOf } from '../../api/x509/authority.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
const organizations: string[] = [];
const proxyAuthority = createAuthority({
  name: { commonName: 'front-proxy-ca', organizations },
  ...validity,
});
const serverAuthority = createAuthority({ name: { commonName: 'sample-ca', organizations }, ...validity });

let server: TestApiserver;
let sample: Server;
let port = 0;

beforeAll(async () => {
  const name = { commonName: 'front-proxy-client', organizations };
  const client = issuerOf(proxyAuthority)({ name, usages: [], ...validity });
  const serving = issuerOf(serverAuthority)({
    name: { commonName: 'sample', organizations },
    names: { dns: ['sample.default.svc'], ips: [] },
    usages: [],
    ...validity,
  });
  server = await startTestApiserver({ proxyClient: { ca: proxyAuthority.cert, ...client } });
  // As extension apiservers do: they believe what who shows this certificate says of users.
  sample = createServer({ ...serving, requestCert: true, ca: proxyAuthority.cert }, (request, response) => {
    const { authorized } = request.socket as TLSSocket;
    const json = (code: number, body: object) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (!authorized) return json(401, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 401 });
    if (request.url === '/apis/sample.example.com/v1') {
      const resource = {
        name: 'flunders',
        singularName: 'flunder',
        namespaced: true,
        kind: 'Flunder',
        verbs: ['get', 'list'],
      };
      return json(200, {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: 'sample.example.com/v1',
        resources: [resource, { ...resource, name: 'flunders/status' }],
      });
    }
    return json(200, {
      kind: 'Flunder',
      apiVersion: 'sample.example.com/v1',
      metadata: { name: 'a' },
      seen: { url: request.url, method: request.method, headers: request.headers },
    });
  });
  // Where `localhost` is looked up first.
  await new Promise<void>((resolve) => sample.listen(0, 'localhost', resolve));
  port = (sample.address() as AddressInfo).port;
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  sample.close();
  sample.closeAllConnections();
  await server.stop();
});

const apiService = (more: APIService['spec']): APIService => ({
  metadata: { name: 'v1.sample.example.com' },
  spec: {
    group: 'sample.example.com',
    version: 'v1',
    groupPriorityMinimum: 1000,
    versionPriority: 15,
    ...more,
  } as NonNullable<APIService['spec']>,
});

const condition = async () => {
  const found = await server.client.get(resources.apiservices, { name: 'v1.sample.example.com' });
  return found.status?.conditions?.find(({ type }) => type === 'Available');
};

it('tells whether a server is there, and passes requests on to it with who asks', async () => {
  const { client } = server;
  const service = { name: 'sample', namespace: 'default', port };
  const caBundle = Buffer.from(serverAuthority.cert).toString('base64');
  await client.create(resources.apiservices, apiService({ service, caBundle } as APIService['spec']));
  await expect.poll(condition).toMatchObject({
    status: 'False',
    reason: 'ServiceNotFound',
    message: 'service/sample in "default" is not present',
  });
  const path = '/apis/sample.example.com/v1/namespaces/default/flunders/a';
  await expect(client.request('GET', path)).rejects.toMatchObject({
    code: 503,
    message: 'service unavailable',
  });

  await client.create(resources.services, {
    metadata: { name: 'sample', namespace: 'default' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await expect
    .poll(condition)
    .toMatchObject({ status: 'True', reason: 'Passed', message: 'all checks passed' });
  const { seen } = await client.request<{ seen: { url: string; headers: Record<string, string> } }>(
    'GET',
    `${path}?a=b`,
    undefined,
    {
      'impersonate-user': 'jane',
      'impersonate-group': 'system:masters',
      'impersonate-extra-scopes': 'all',
      'x-remote-user': 'somebody-else',
      authorization: 'Bearer secret',
    },
  );
  expect(seen.url).toBe(`${path}?a=b`);
  expect(seen.headers).toMatchObject({
    'x-remote-user': 'jane',
    'x-remote-group': 'system:masters, system:authenticated',
    'x-remote-extra-scopes': 'all',
  });
  expect(seen.headers.authorization).toBeUndefined();
  expect(seen.headers['impersonate-user']).toBeUndefined();
  // Who may not is told so here.
  await expect(client.request('GET', path, undefined, { 'impersonate-user': 'joe' })).rejects.toThrow(
    'User "joe" cannot get resource "flunders" in API group "sample.example.com" in the namespace "default"',
  );
});

it('is discovered', async () => {
  const { client } = server;
  const { groups } = await client.request<{ groups: { name: string; versions: object[] }[] }>('GET', '/apis');
  const own = {
    name: 'sample.example.com',
    versions: [{ groupVersion: 'sample.example.com/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'sample.example.com/v1', version: 'v1' },
  };
  expect(groups.find(({ name }) => name === own.name)).toEqual(own);
  expect(groups.map(({ name }) => name)).toContain('apps');
  expect(await client.request('GET', '/apis/sample.example.com')).toMatchObject(own);
  await expect(client.request('GET', '/apis/nobody')).rejects.toMatchObject({ code: 404 });
  expect(await client.request('GET', '/apis/sample.example.com/v1')).toMatchObject({
    kind: 'APIResourceList',
    groupVersion: 'sample.example.com/v1',
  });
  const { items } = await client.request<{ items: { metadata: { name: string }; versions: object[] }[] }>(
    'GET',
    '/apis',
    undefined,
    { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  );
  expect(items.find(({ metadata }) => metadata.name === own.name)?.versions).toEqual([
    {
      version: 'v1',
      freshness: 'Current',
      resources: [
        expect.objectContaining({
          resource: 'flunders',
          scope: 'Namespaced',
          subresources: [expect.objectContaining({ subresource: 'status' })],
        }),
      ],
    },
  ]);
});

it('believes no other certificate, and is gone with its APIService', async () => {
  const { client } = server;
  const ref = { name: 'v1.sample.example.com' };
  await client.patch(resources.apiservices, ref, 'merge', {
    spec: { caBundle: Buffer.from(proxyAuthority.cert).toString('base64') },
  });
  await expect.poll(condition).toMatchObject({ status: 'False', reason: 'FailedDiscoveryCheck' });
  await client.delete(resources.apiservices, ref);
  await expect(client.request('GET', '/apis/sample.example.com/v1')).rejects.toMatchObject({ code: 404 });
});

it('publishes how other servers know it', async () => {
  const ref = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
  const { data } = await server.client.get(resources.configmaps, ref);
  expect(data).toEqual({
    'client-ca-file': server.pki.ca,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': proxyAuthority.cert,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  });
});
