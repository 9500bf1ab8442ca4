import { expect, test } from 'vitest';
import {
  type BootstrapGrant,
  bootstrapExpiry,
  bootstrapSecret,
  defaultNodeTokenGroup,
  readBootstrapSecret,
} from './bootstrap-secret.ts';
import type { Secret } from './types.ts';

const grant: BootstrapGrant = {
  token: { id: 'abcdef', secret: '0123456789abcdef' },
  usages: ['signing', 'authentication'],
  groups: [defaultNodeTokenGroup],
  expires: Date.UTC(2030, 0, 2, 3, 4, 5),
  description: 'for the workers',
};

const text = (value: string) => Buffer.from(value).toString('base64');
const changed = (data: Record<string, string>): Secret => {
  const secret = bootstrapSecret(grant);
  return { ...secret, data: { ...secret.data, ...data } };
};

test('a Secret says what its token is for, in the keys of kubeadm', () => {
  const secret = bootstrapSecret(grant);
  const plain = Object.entries(secret.data ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ]);
  expect(secret).toMatchObject({
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
  });
  expect(Object.fromEntries(plain)).toEqual({
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    description: 'for the workers',
    expiration: '2030-01-02T03:04:05Z',
    'usage-bootstrap-signing': 'true',
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
  });
  expect(readBootstrapSecret(secret)).toEqual(grant);
});

test('a token without an end has none, one whose end cannot be read is over', () => {
  expect(bootstrapExpiry(bootstrapSecret({ token: grant.token, usages: [] }))).toBeUndefined();
  expect(bootstrapExpiry(changed({ expiration: text('soon') }))).toBe(0);
  expect(bootstrapExpiry(changed({ expiration: text('2030-01-02') }))).toBe(0);
  expect(bootstrapExpiry(changed({ expiration: text('2030-01-02T04:04:05+01:00') }))).toBe(grant.expires);
});

test('only "true" is a usage', () => {
  expect(readBootstrapSecret(changed({ 'usage-bootstrap-signing': text('yes') }))).toMatchObject({
    usages: ['authentication'],
  });
});

test.each([
  ['another type', { ...bootstrapSecret(grant), type: 'Opaque' }, 'is no Secret of type'],
  ['another id', changed({ 'token-id': text('abcdee') }), 'which its name does not say'],
  ['no secret', changed({ 'token-secret': '' }), 'has no token-secret'],
  [
    'a foreign group',
    changed({ 'auth-extra-groups': text('system:masters') }),
    '"system:masters" is invalid',
  ],
  [
    'a group that ends wrong',
    changed({ 'auth-extra-groups': text('system:bootstrappers:a-') }),
    'is invalid',
  ],
])('refuses a Secret with %s', (_, secret, why) => {
  expect(readBootstrapSecret(secret)).toEqual({ refused: expect.stringContaining(why) });
});
