import { Agent, request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import type { AuthenticationTokenRequest, SelfSubjectReview, Status } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { createTestPki } from '../testing/pki.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
  await server.client.create(resources.clusterrolebindings, {
    metadata: { name: 'service-accounts-read' },
    roleRef: { kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'Group', name: 'system:serviceaccounts' }],
  });
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

interface Credentials {
  cert?: string;
  key?: string;
  token?: string;
}

async function get(path: string, { token, ...certificate }: Credentials = {}) {
  const agent = new Agent({ ca: server.pki.ca, ...certificate });
  try {
    return await new Promise<{ code: number; body: string }>((resolve, reject) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      httpsRequest(`${server.url}${path}`, { agent, headers }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body }));
      })
        .once('error', reject)
        .end();
    });
  } finally {
    agent.destroy();
  }
}

const status = ({ body }: { body: string }) => JSON.parse(body) as Status;
const podsPath = '/api/v1/namespaces/default/pods';

describe('client certificates', () => {
  it('name the user and the groups', async () => {
    const { cert, key } = server.pki.client('kubernetes-admin', ['system:masters', 'friends']);
    const client = createClient({ server: server.url, ca: server.pki.ca, cert, key });
    for (let time = 0; time < 2; time++) {
      const { status } = await client.request<SelfSubjectReview>(
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {},
      );
      expect(status?.userInfo).toEqual({
        username: 'kubernetes-admin',
        groups: ['friends', 'system:masters', 'system:authenticated'],
      });
      // The next connection resumes the TLS session: who it is must survive that.
      client.close();
    }
  });

  it('of another authority, or out of date, are refused', async () => {
    const stranger = createTestPki().client('kubernetes-admin', ['system:masters']);
    const expired = server.pki.client('kubernetes-admin', ['system:masters'], true);
    for (const certificate of [stranger, expired]) {
      const answer = await get(podsPath, certificate);
      expect(answer.code).toBe(401);
      expect(status(answer)).toMatchObject({
        kind: 'Status',
        reason: 'Unauthorized',
        message: 'Unauthorized',
      });
    }
  });
});

describe('nobody in particular', () => {
  it('may ask for health and version', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/readyz?verbose', '/version']) {
      expect((await get(path)).code, path).toBe(200);
    }
  });

  it.each([
    [
      podsPath,
      'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      '/apis/apps/v1/deployments',
      'deployments.apps is forbidden: User "system:anonymous" cannot list resource "deployments" in API group "apps" at the cluster scope',
    ],
    [
      `${podsPath}/web?watch=1`,
      'pods "web" is forbidden: User "system:anonymous" cannot watch resource "pods" in API group "" in the namespace "default"',
    ],
    ['/apis', 'forbidden: User "system:anonymous" cannot get path "/apis"'],
    ['/', 'forbidden: User "system:anonymous" cannot get path "/"'],
  ])('may not GET %s', async (path, message) => {
    const answer = await get(path);
    expect(answer.code).toBe(403);
    expect(status(answer)).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Forbidden', message });
  });
});

describe('service account tokens', () => {
  const account = { name: 'robot', namespace: 'default' };
  const tokenPath = '/api/v1/namespaces/default/serviceaccounts/robot/token';
  const issue = (spec: object = {}) =>
    server.client.request<AuthenticationTokenRequest>('POST', tokenPath, { spec });

  it('stand for the account while it lives', async () => {
    await server.client.create(resources.serviceaccounts, { metadata: account });
    const { status: issued } = await issue();
    const client = createClient({ server: server.url, ca: server.pki.ca, token: issued?.token ?? '' });
    const { status } = await client.request<SelfSubjectReview>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {},
    );
    expect(status?.userInfo).toMatchObject({
      username: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
    expect(Date.parse(issued?.expirationTimestamp ?? '')).toBeGreaterThan(Date.now() + 3_500_000);

    await server.client.delete(resources.serviceaccounts, account);
    await server.client.create(resources.serviceaccounts, { metadata: account });
    expect((await get(podsPath, { token: issued?.token ?? '' })).code).toBe(401);
    client.close();
  });

  it('are refused when changed, for another audience, or made up', async () => {
    const { status: good } = await issue();
    const [head = '', body = '', signature = ''] = (good?.token ?? '').split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 1 })).toString('base64url');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const { status: elsewhere } = await issue({ audiences: ['vault'] });
    for (const token of [
      `${head}.${forged}.${signature}`,
      `${none}.${body}.`,
      elsewhere?.token ?? '',
      'a.b.c',
      'nonsense',
    ]) {
      expect((await get(podsPath, { token })).code, token).toBe(401);
    }
    expect((await get(podsPath, { token: good?.token ?? '' })).code).toBe(200);
  });

  it('end with the pod they are bound to, and cannot be asked for too short', async () => {
    await expect(issue({ expirationSeconds: 60 })).rejects.toMatchObject({
      code: 422,
      message: expect.stringContaining(
        'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
      ),
    });
    const pod = await server.client.create(resources.pods, {
      metadata: { name: 'user', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'x' }], serviceAccountName: 'robot' },
    });
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'user', uid: pod.metadata?.uid };
    const token = (await issue({ boundObjectRef })).status?.token ?? '';
    expect((await get(podsPath, { token })).code).toBe(200);
    await server.client.delete(
      resources.pods,
      { name: 'user', namespace: 'default' },
      { gracePeriodSeconds: 0 },
    );
    expect((await get(podsPath, { token })).code).toBe(401);
  });
});
