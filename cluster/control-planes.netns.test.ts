import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Endpoints, Lease, Pod } from '../api/types.ts';
import { EtcdUnavailable, ensureEtcd } from '../lab/etcd.ts';
import { attachLab } from '../lab/handle.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const unavailable = await ensureEtcd().then(
  () => undefined,
  (error: unknown) => {
    if (!(error instanceof EtcdUnavailable)) throw error;
    return error.message;
  },
);
if (unavailable) console.log(`skipped: ${unavailable}`);

let cluster: Cluster;

const addressesOf = (endpoints: Endpoints | undefined) =>
  (endpoints?.subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
const kubernetes = (expected: readonly string[]) =>
  cluster.waitFor<Endpoints>(
    'endpoints/kubernetes',
    ([endpoints]) => addressesOf(endpoints).join() === expected.join(),
    { timeout: 40_000 },
  );

/** As the host sees it; undefined while it waits for its next start. */
async function pidOf(name: string): Promise<number | undefined> {
  const lab = await attachLab(cluster.stateDir);
  return (await lab?.components())?.find((component) => component.name === name)?.pid;
}

/** With SIGKILL, where it runs. */
async function killComponent(name: string): Promise<void> {
  const pid = await pidOf(name);
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Kills a component each time it is started, until told to leave it in peace. */
function keepDown(name: string): () => Promise<void> {
  let down = true;
  const ended = (async () => {
    while (down) {
      await killComponent(name);
      await delay(20);
    }
  })();
  return async () => {
    down = false;
    await ended;
  };
}

/** Writes through the host's port until told to end; resolves to the names of what was acknowledged. */
function keepWriting(): () => Promise<string[]> {
  const acknowledged: string[] = [];
  let writing = true;
  const ended = (async () => {
    for (let i = 0; writing; i++) {
      const name = `written-${i}`;
      try {
        await cluster.client.create(resources.configmaps, { metadata: { name, namespace: 'default' } });
        acknowledged.push(name);
      } catch {
        // The apiserver that had the connection is gone: this one was not acknowledged, the next will be.
      }
    }
  })();
  return async () => {
    writing = false;
    await ended;
    return acknowledged;
  };
}

describe.skipIf(unavailable)('three control planes', () => {
  beforeAll(async () => {
    cluster = await startCluster({ name: 'several', controlPlanes: 3 });
  });
  afterAll(() => cluster?.stop());

  it('are all endpoints of the Service kubernetes, and answer through it on every node', async () => {
    expect(cluster.spec.nodes.map(({ name }) => name)).toEqual([
      'control-plane',
      'control-plane2',
      'control-plane3',
      'worker',
    ]);
    await kubernetes(['172.18.0.2', '172.18.0.3', '172.18.0.4']);
    const patient = 'until curl -fsk --max-time 2 https://10.96.0.1/healthz; do sleep 0.05; done';
    for (const { name } of cluster.spec.nodes)
      expect((await cluster.node(name).exec(['sh', '-c', patient])).stdout).toBe('ok');
  });

  it('let one lead', async () => {
    const [lease] = await cluster.waitFor<Lease>(
      'leases/kube-scheduler',
      ([one]) => Boolean(one?.spec?.holderIdentity),
      { namespace: 'kube-system' },
    );
    expect(lease?.spec?.holderIdentity).toMatch(/^control-plane[23]?_several$/);
  });

  it('go on without one, which leaves the endpoints and comes back, and lose nothing', {
    timeout: 120_000,
  }, async () => {
    const end = keepWriting();
    const leaveInPeace = keepDown('apiserver');
    try {
      await killComponent('etcd2');
      // Its node's agent asks another apiserver, from which it is told of this pod and to which it reports it.
      const pod: Pod = {
        metadata: { name: 'meanwhile', namespace: 'default' },
        spec: {
          nodeName: 'control-plane',
          containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
        },
      };
      for (;;) {
        const made = await cluster.client.create(resources.pods, structuredClone(pod)).then(
          () => true,
          () => false,
        );
        if (made) break;
      }
      await cluster.waitFor<Pod>('pods/meanwhile', 'Ready', { timeout: 30_000 });
      await kubernetes(['172.18.0.3', '172.18.0.4']);
    } finally {
      await leaveInPeace();
    }
    await kubernetes(['172.18.0.2', '172.18.0.3', '172.18.0.4']);
    const acknowledged = await end();
    expect(acknowledged.length).toBeGreaterThan(10);
    const { items } = await cluster.client.list(resources.configmaps, { namespace: 'default' });
    const names = new Set(items.map(({ metadata }) => metadata?.name));
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
    // Somebody leads again, and schedules.
    const manifest = `apiVersion: v1
kind: Pod
metadata: { name: scheduled }
spec: { containers: [{ name: pause, image: registry.k8s.io/pause:3.10 }] }`;
    await cluster.apply(manifest);
    await cluster.waitFor<Pod>('pods/scheduled', 'Ready', { timeout: 40_000 });
  });
});
