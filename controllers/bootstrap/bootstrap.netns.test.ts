import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BootstrapGrant, bootstrapSecret } from '../../api/bootstrap-secret.ts';
import { type BootstrapToken, generateBootstrapToken, isSignedWith } from '../../api/bootstrap-token.ts';
import { resources } from '../../api/scheme.ts';
import type { ConfigMap, Secret } from '../../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { until } from '../testing/until.ts';

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startTestControlPlane();
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const grant = (more: Partial<BootstrapGrant> = {}): BootstrapGrant => ({
  token: generateBootstrapToken(),
  usages: ['signing'],
  ...more,
});
const add = ({ token, ...rest }: BootstrapGrant) =>
  plane.client.create(resources.secrets, bootstrapSecret({ token, ...rest }));

/** Waits until these have signed, and nobody else. */
async function signers(wanted: readonly BootstrapToken[]): Promise<void> {
  const ids = wanted.map(({ id }) => `jws-kubeconfig-${id}`);
  await until<ConfigMap>(plane.client, resources.configmaps, 'kube-public', (maps) => {
    const { data = {} } = maps.find(({ metadata }) => metadata?.name === 'cluster-info') ?? {};
    const found = Object.keys(data).filter((key) => key.startsWith('jws-'));
    return found.sort().join() === ids.sort().join();
  });
}

test('cluster-info is signed with the tokens that are for it, and follows both', async () => {
  const [one, other, idle] = [grant(), grant(), grant({ usages: ['authentication'] })];
  const late = grant({ expires: Date.now() - 1_000 });
  await Promise.all([one, idle, late].map(add));
  const metadata = { name: 'cluster-info', namespace: 'kube-public' };
  await plane.client.create(resources.configmaps, {
    metadata,
    data: { kubeconfig: 'first', other: 'stays' },
  });
  const isSigned = ({ data = {} }: ConfigMap, { token }: BootstrapGrant) =>
    isSignedWith(data[`jws-kubeconfig-${token.id}`] ?? '', data.kubeconfig ?? '', token);
  await signers([one.token]);
  await add(other);
  await signers([one.token, other.token]);
  let info = await plane.client.get(resources.configmaps, metadata);
  expect(isSigned(info, one)).toBe(true);
  expect(isSigned(info, other)).toBe(true);

  await plane.client.update(resources.configmaps, { ...info, data: { ...info.data, kubeconfig: 'second' } });
  await until<ConfigMap>(plane.client, resources.configmaps, 'kube-public', (maps) => {
    const found = maps.find(({ metadata }) => metadata?.name === 'cluster-info');
    return found?.data?.kubeconfig === 'second' && isSigned(found, one) && isSigned(found, other);
  });
  await plane.client.delete(resources.secrets, {
    name: `bootstrap-token-${one.token.id}`,
    namespace: 'kube-system',
  });
  await signers([other.token]);
  info = await plane.client.get(resources.configmaps, metadata);
  expect(info.data?.other).toBe('stays');
});

test('tokens go when their time is over, also when that is now', async () => {
  const [over, soon, never] = [
    grant({ expires: Date.now() - 5_000 }),
    grant({ expires: Date.now() + 1_000 }),
    grant(),
  ];
  await Promise.all([over, soon, never].map(add));
  const names = [over, soon].map(({ token }) => `bootstrap-token-${token.id}`);
  const left = await until<Secret>(
    plane.client,
    resources.secrets,
    'kube-system',
    (secrets) => !secrets.some(({ metadata }) => names.includes(metadata?.name ?? '')),
  );
  expect(left.map(({ metadata }) => metadata?.name)).toContain(`bootstrap-token-${never.token.id}`);
});
