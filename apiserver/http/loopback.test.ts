import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(() => server.stop());

const configMap = (name: string) => ({ metadata: { name, namespace: 'default' } });

describe('the loopback transport', () => {
  it('reads, writes and fails as a connection does', async () => {
    const client = createClient({ transport: server.loopback });
    const made = await client.create(resources.configmaps, { ...configMap('one'), data: { key: 'straße' } });
    expect(await client.get(resources.configmaps, { name: 'one', namespace: 'default' })).toEqual(made);
    await expect(client.create(resources.configmaps, configMap('one'))).rejects.toMatchObject({
      status: { reason: 'AlreadyExists', code: 409 },
    });
    await expect(client.request('GET', '/nowhere')).rejects.toMatchObject({ status: { code: 404 } });
  });

  it('streams a watch until its signal', async () => {
    const client = createClient({ transport: server.loopback });
    const end = new AbortController();
    const { metadata } = await client.list(resources.configmaps);
    const events = client.watch(resources.configmaps, {
      resourceVersion: metadata.resourceVersion ?? '',
      signal: end.signal,
    });
    const first = events.next();
    await client.create(resources.configmaps, configMap('watched'));
    expect(await first).toMatchObject({
      value: { type: 'ADDED', object: { metadata: { name: 'watched' } } },
    });
    const last = events.next();
    end.abort();
    await expect(last).rejects.toThrow();
  });

  it('ends open watches with the apiserver', async () => {
    const other = await startTestApiserver();
    const watching = createClient({ transport: other.loopback }).watch(resources.configmaps, {}).next();
    await Promise.all([other.stop(), expect(watching).rejects.toThrow()]);
  });
});
