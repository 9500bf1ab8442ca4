import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

interface Keys {
  keys: { kid: string; alg: string; use: string; kty: string; crv: string; x: string; y: string }[];
}

it('lets others check tokens with nothing but what it publishes', async () => {
  const { client } = server;
  const found = await client.request<Record<string, unknown>>('GET', '/.well-known/openid-configuration');
  expect(found).toEqual({
    issuer: 'https://kubernetes.default.svc.cluster.local',
    jwks_uri: 'https://172.18.0.2:6443/openid/v1/jwks',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  const { keys } = await client.request<Keys>('GET', '/openid/v1/jwks');
  await client.create(resources.serviceaccounts, { metadata: { name: 'robot', namespace: 'default' } });
  const { status } = await client.request<{ status: { token: string } }>(
    'POST',
    '/api/v1/namespaces/default/serviceaccounts/robot/token',
    { spec: { audiences: ['somebody'] } },
  );
  const [head = '', body = '', signature = ''] = status.token.split('.');
  const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url').toString());
  const own = keys.find((one) => one.kid === kid);
  expect(own).toMatchObject({ alg, use: 'sig', kty: 'EC', crv: 'P-256' });
  const key = createPublicKey({ key: own ?? {}, format: 'jwk' });
  const signed = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(true);
  expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toMatchObject({ iss: found.issuer });
});

it('is for those who may', async () => {
  const as = (name: string, group: string) =>
    server.client.request<Keys>('GET', '/openid/v1/jwks', undefined, {
      'impersonate-user': name,
      'impersonate-group': group,
    });
  expect((await as('system:serviceaccount:default:robot', 'system:serviceaccounts')).keys).toHaveLength(1);
  await expect(as('jane', 'people')).rejects.toThrow(
    'forbidden: User "jane" cannot get path "/openid/v1/jwks"',
  );
});
