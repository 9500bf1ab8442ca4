import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { ConfigMap } from '../api/types.ts';
import { EtcdUnavailable, ensureEtcd } from '../lab/etcd.ts';
import { type StartOptions, startCluster, stopCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import { restoreSnapshot, saveSnapshot } from './snapshot.ts';
import { stateHome } from './state.ts';

const unavailable = await ensureEtcd().then(
  () => undefined,
  (error: unknown) => {
    if (!(error instanceof EtcdUnavailable)) throw error;
    return error.message;
  },
);
if (unavailable) console.log(`skipped for etcd: ${unavailable}`);

const home = mkdtempSync(join(tmpdir(), 'v9s-snapshot-'));
const file = join(home, 'cluster.snapshot');
const former = process.env.XDG_STATE_HOME;
const running = new Set<string>();

beforeAll(() => {
  process.env.XDG_STATE_HOME = home;
});
afterAll(async () => {
  for (const name of running) await stopCluster(name, { remove: true });
  if (former === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = former;
  rmSync(home, { recursive: true });
});

async function up(name: string, options: StartOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({
    name,
    nodes: 1,
    clusterDns: 'none',
    lifetime: 'detached',
    ...options,
  });
  running.add(name);
  return cluster;
}

const ref = { name: 'kept', namespace: 'default' };
const configMap = (name: string): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data: { from: name },
});

/** One object is changed, one removed, one made: none of it shall be left. */
async function change({ client }: Cluster): Promise<string> {
  await client.patch(resources.configmaps, ref, 'merge', { data: { from: 'somebody else' } });
  await client.delete(resources.configmaps, { ...ref, name: 'removed' });
  const { metadata } = await client.create(resources.configmaps, configMap('later'));
  return metadata?.resourceVersion ?? '';
}

async function expectRestored({ client }: Cluster, newest: string): Promise<void> {
  const { items, metadata } = await client.list(resources.configmaps, { namespace: 'default' });
  const names = items.map((item) => item.metadata?.name).filter((name) => name !== 'kube-root-ca.crt');
  expect(names.sort()).toEqual(['kept', 'removed']);
  expect(items.find((item) => item.metadata?.name === 'kept')?.data).toEqual({ from: 'kept' });
  expect(Number(metadata.resourceVersion)).toBeGreaterThan(Number(newest));
}

describe('a snapshot of a cluster', () => {
  it('brings its database back, while it is down, also where that is damaged', async () => {
    const cluster = await up('level');
    for (const name of ['kept', 'removed'])
      await cluster.client.create(resources.configmaps, configMap(name));
    const saved = await saveSnapshot('level', file);
    expect(saved.keys).toBeGreaterThan(10);
    const newest = await change(cluster);
    await expect(restoreSnapshot('level', file)).rejects.toThrow(/level is running; end it first/);
    cluster.detach();
    await stopCluster('level', { remove: false });

    const db = join(stateHome(), 'level', 'db');
    for (const log of readdirSync(db).filter((name) => name.endsWith('.log')))
      truncateSync(join(db, log), readFileSync(join(db, log)).length >> 1);
    await expect(saveSnapshot('level', join(home, 'other'))).rejects.toThrow(
      /is corrupt: .*v9s snapshot restore/,
    );
    const damaged = join(home, 'damaged.snapshot');
    writeFileSync(damaged, readFileSync(file).subarray(0, -100));
    await expect(restoreSnapshot('level', damaged)).rejects.toThrow(/damaged\.snapshot is cut off/);
    const restored = await restoreSnapshot('level', file);
    expect(readdirSync(restored.former ?? '')).toContain('REVISION');

    const again = await up('level');
    await expectRestored(again, newest);
    again.detach();
  });

  it.skipIf(unavailable)('brings an etcd back while it runs', async () => {
    const cluster = await up('etcd', { store: 'etcd' });
    for (const name of ['kept', 'removed'])
      await cluster.client.create(resources.configmaps, configMap(name));
    await saveSnapshot('etcd', file);
    const newest = await change(cluster);
    await restoreSnapshot('etcd', file);
    await expectRestored(cluster, newest);
    cluster.detach();
  });
});
