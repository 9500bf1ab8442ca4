import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { EndpointSlice } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { attachLab } from '../lab/handle.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = ['service.yaml', 'deployment.yaml']
  .map((name) => readFileSync(join(packageRoot, 'scenarios/hostnames', name), 'utf8'))
  .join('---\n');

/** A file in the lab that says to the load that it is time to end. */
const stopFile = '/run/v9s/stop-load';

let cluster: Cluster;
let clusterIp = '';

beforeAll(async () => {
  cluster = await startCluster({ name: 'recovery', nodes: 2 });
  await cluster.apply(manifest);
  await cluster.waitFor<EndpointSlice>(
    'endpointslices',
    ([slice]) => slice?.endpoints?.filter(({ conditions }) => conditions?.ready).length === 3,
    { labelSelector: 'kubernetes.io/service-name=hostnames', timeout: 30_000 },
  );
  const service = await cluster.client.get(resources.services, { name: 'hostnames', namespace: 'default' });
  clusterIp = service.spec?.clusterIP ?? '';
  const patient = `until curl -fs --max-time 1 http://${clusterIp} >/dev/null; do :; done`;
  await cluster.node('worker').exec(['sh', '-c', patient]);
  await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system' });
});

afterAll(() => cluster?.stop());

/** Connections through the Service, one after another, until told to stop; resolves to what became of them. */
async function load(): Promise<{
  ended: Promise<{ good: number; failed: number }>;
  end: () => Promise<void>;
}> {
  const node = cluster.node('worker');
  await node.exec(['rm', '-f', stopFile]);
  const loop = `good=0 failed=0
while [ ! -e ${stopFile} ]; do
  if curl -fs --max-time 2 http://${clusterIp} >/dev/null; then good=$((good+1)); else failed=$((failed+1)); fi
done
echo $good $failed`;
  const ended = node.exec(['sh', '-c', loop]).then(({ stdout }) => {
    const [good = 0, failed = 0] = stdout.trim().split(' ').map(Number);
    return { good, failed };
  });
  return { ended, end: async () => void (await node.exec(['touch', stopFile])) };
}

/** Kills a component as the host sees it and waits until the supervisor has started it anew. */
async function killComponent(name: string): Promise<void> {
  const lab = await attachLab(cluster.stateDir);
  const pidOf = async () => (await lab?.components())?.find((component) => component.name === name)?.pid;
  const before = await pidOf();
  expect(before).toBeDefined();
  process.kill(before ?? 0, 'SIGKILL');
  await expect.poll(pidOf, { timeout: 10_000 }).not.toSatisfy((pid) => pid === before || pid === undefined);
}

const app = { namespace: 'default', labelSelector: 'app=hostnames' };

/** What a restart must not change: which pods there are, their addresses, how often they were started. */
async function identities(): Promise<string[]> {
  const { items } = await cluster.client.list(resources.pods, app);
  return items
    .filter(({ metadata }) => !metadata?.deletionTimestamp)
    .map(
      ({ metadata, status }) =>
        `${metadata?.uid} ${status?.podIP} ${status?.containerStatuses?.[0]?.restartCount}`,
    )
    .sort();
}

/** True work after a kill: a Deployment scaled up gets its pods and endpoints; and down again. */
async function converges(): Promise<void> {
  for (const replicas of [4, 3]) {
    const scale = () =>
      cluster.client.patch(resources.deployments, { name: 'hostnames', namespace: 'default' }, 'merge', {
        spec: { replicas },
      });
    await expect.poll(() => scale().then(() => 'scaled', String), { timeout: 15_000 }).toBe('scaled');
    await cluster.waitFor<EndpointSlice>(
      'endpointslices',
      ([slice]) => slice?.endpoints?.filter(({ conditions }) => conditions?.ready).length === replicas,
      { labelSelector: 'kubernetes.io/service-name=hostnames' },
    );
  }
}

describe.each(['apiserver', 'worker', 'control-plane'])('kill -9 of %s', (component) => {
  it('is repaired while connections go on, and no object is lost', async () => {
    const before = await identities();
    const traffic = await load();
    await killComponent(component);
    await expect.poll(() => identities().catch(String), { timeout: 15_000 }).toEqual(before);
    await traffic.end();
    const { good, failed } = await traffic.ended;
    expect(good).toBeGreaterThan(0);
    expect(failed).toBe(0);
    await converges();
  });
});

describe('kill -9 of the DNS server', () => {
  it('is repaired by its restart policy', async () => {
    const [dns] = (await cluster.client.list(resources.pods, { namespace: 'kube-system' })).items;
    const name = dns?.metadata?.name ?? '';
    const restarts = async () => {
      const pod = await cluster.client.get(resources.pods, { name, namespace: 'kube-system' });
      return pod.status?.containerStatuses?.[0]?.restartCount;
    };
    const before = (await restarts()) ?? 0;
    // PID 1 of a PID namespace is deaf to its own children, so the signal comes from the lab. The brackets keep
    // this shell itself out of what it looks for.
    const inside =
      'for file in $(grep -l "[d]ist/dns.cjs" /proc/[0-9]*/cmdline); do kill -9 $(echo $file | cut -d/ -f3); done; true';
    await cluster.node('worker').exec(['sh', '-c', inside]);
    await expect.poll(restarts, { timeout: 20_000 }).toBeGreaterThan(before);
    const client =
      (await cluster.client.list(resources.pods, { namespace: 'default' })).items[0]?.metadata?.name ?? '';
    const resolve = () => cluster.pod(client).exec(['getent', 'hosts', 'hostnames'], { allowFailure: true });
    await expect.poll(async () => (await resolve()).stdout, { timeout: 30_000 }).toContain(clusterIp);
  });
});
