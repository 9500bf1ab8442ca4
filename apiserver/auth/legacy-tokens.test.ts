import { sign } from 'node:crypto';
import { expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { Lookup } from '../registry/strategy.ts';
import { createTokenKeys } from '../testing/pki.ts';
import { createTokens } from './tokens.ts';

const keys = createTokenKeys();
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const claims = {
  iss: 'kubernetes/serviceaccount',
  'kubernetes.io/serviceaccount/namespace': 'default',
  'kubernetes.io/serviceaccount/secret.name': 'builder-token',
  'kubernetes.io/serviceaccount/service-account.name': 'builder',
  'kubernetes.io/serviceaccount/service-account.uid': 'u1',
  sub: 'system:serviceaccount:default:builder',
};

/** As kube-controller-manager signs it with the same key. */
function signed(body: object): string {
  const content = `${encode({ alg: 'ES256', kid: 'any' })}.${encode(body)}`;
  const key = { key: keys.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`;
}

/** Who a token is for while the API holds this Secret and this account. */
function userOf(token: string, secret: KubeObject | undefined, uid = 'u1', audiences = [keys.issuer]) {
  const lookup = {
    get: (resource: object) =>
      resource === resources.secrets ? secret : { metadata: { name: 'builder', namespace: 'default', uid } },
    *list() {
      // Nothing else is asked for.
    },
  } as unknown;
  return createTokens(keys, lookup as Lookup).verify(token, audiences, new Date())?.name;
}

const holding = (token: string): KubeObject => ({
  metadata: { name: 'builder-token', namespace: 'default' },
  ...{ data: { token: Buffer.from(token).toString('base64') } },
});

const token = signed(claims);

test('a token is good while its Secret holds it and its account is the same', () => {
  expect(userOf(token, holding(token))).toBe('system:serviceaccount:default:builder');
  expect(userOf(token, undefined)).toBeUndefined();
  expect(userOf(token, holding('another'))).toBeUndefined();
  expect(userOf(token, holding(token), 'u2')).toBeUndefined();
  const secret = holding(token);
  secret.metadata = { ...secret.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(userOf(token, secret)).toBeUndefined();
});

test('it is for the API alone, and for nobody else than it says', () => {
  expect(userOf(token, holding(token), 'u1', ['vault'])).toBeUndefined();
  const other = signed({ ...claims, sub: 'system:serviceaccount:default:admin' });
  expect(userOf(other, holding(other))).toBeUndefined();
  const nowhere = signed({ ...claims, 'kubernetes.io/serviceaccount/namespace': '' });
  expect(userOf(nowhere, holding(nowhere))).toBeUndefined();
});
