import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../api/client.ts';
import { resources } from '../api/scheme.ts';
import type { Secret, ServiceAccount, TokenReview } from '../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';
import { until } from './testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ caPem: 'authority', legacyTokens: true });
  client = plane.client;
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const namespace = 'default';
const type = 'kubernetes.io/service-account-token';
const text = (secret: Secret, key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
const reviewed = async (token: string) => {
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const { status } = await client.request<TokenReview>('POST', path, { spec: { token } });
  return status?.authenticated ? status.user?.username : undefined;
};
const secretNamed = (all: readonly Secret[], name: string) =>
  all.find(({ metadata }) => metadata?.name === name);

test('a Secret for a token is filled, and goes with its ServiceAccount', async () => {
  const account = await client.create<ServiceAccount>(resources.serviceaccounts, {
    metadata: { name: 'builder', namespace },
  });
  await client.create(resources.secrets, {
    metadata: { name: 'mine', namespace, annotations: { 'kubernetes.io/service-account.name': 'builder' } },
    type,
  });
  const found = await until<Secret>(client, resources.secrets, namespace, (all) =>
    all.some((one) => one.metadata?.name === 'mine' && one.data?.token),
  );
  const secret = secretNamed(found, 'mine') as Secret;
  expect(secret.metadata?.annotations?.['kubernetes.io/service-account.uid']).toBe(account.metadata?.uid);
  expect([text(secret, 'namespace'), text(secret, 'ca.crt')]).toEqual([namespace, 'authority']);
  const token = text(secret, 'token');
  expect(await reviewed(token)).toBe('system:serviceaccount:default:builder');
  await client.delete(resources.serviceaccounts, { name: 'builder', namespace });
  await until<Secret>(client, resources.secrets, namespace, (all) => !secretNamed(all, 'mine'));
  expect(await reviewed(token)).toBeUndefined();
});

test('a Secret of an account that is not there goes', async () => {
  await client.create(resources.secrets, {
    metadata: { name: 'lost', namespace, annotations: { 'kubernetes.io/service-account.name': 'nobody' } },
    type,
  });
  await until<Secret>(client, resources.secrets, namespace, (all) => !secretNamed(all, 'lost'));
});

test('each account has a Secret where that is asked for, and another when it goes', async () => {
  const named = async (other?: string) => {
    const accounts = await until<ServiceAccount>(client, resources.serviceaccounts, namespace, (all) =>
      all.some(
        ({ metadata, secrets }) =>
          metadata?.name === 'default' && secrets?.length === 1 && secrets[0]?.name !== other,
      ),
    );
    return accounts.find(({ metadata }) => metadata?.name === 'default')?.secrets?.[0]?.name ?? '';
  };
  const first = await named();
  expect(first).toMatch(/^default-token-[0-9a-f]{5}$/);
  await client.delete(resources.secrets, { name: first, namespace });
  const second = await named(first);
  await until<Secret>(client, resources.secrets, namespace, (all) =>
    all.some((one) => one.metadata?.name === second && one.data?.token),
  );
});
