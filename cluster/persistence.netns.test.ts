import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { allResources, resources } from '../api/scheme.ts';
import type { Deployment } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { attachLab } from '../lab/handle.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = ['service.yaml', 'deployment.yaml']
  .map((name) => readFileSync(join(packageRoot, 'scenarios/hostnames', name), 'utf8'))
  .join('---\n');

let stateDir = '';

beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'v9s-persistence-'));
});

afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** Processes of this cluster, as the host sees them: its programs name their state directory. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(stateDir) ? [command] : [];
      } catch {
        // It ended between the listing and the look.
        return [];
      }
    });
}

const hostView = () => ({
  interfaces: Object.keys(networkInterfaces()).sort(),
  mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
  routes: readFileSync('/proc/net/route', 'utf8'),
});

/** What a user made and was told of: kind, name and uid of every object that is not a trace of work. */
async function identities(cluster: Cluster): Promise<string[]> {
  const passing = ['events', 'pods', 'endpoints', 'endpointslices', 'leases'];
  const lists = await Promise.all(
    allResources
      .filter(({ name }) => !passing.includes(name))
      .map(async (resource) => {
        const { items } = await cluster.client.list<KubeObject>(resource);
        return items.map(
          ({ metadata }) =>
            `${resource.name} ${metadata?.namespace ?? ''}/${metadata?.name} ${metadata?.uid}`,
        );
      }),
  );
  return lists.flat().sort();
}

it('brings the same objects back after kill -9 of its first process, which leaves nothing on the host', async () => {
  const before = hostView();
  const first = await startCluster({ name: 'lasting', nodes: 2, stateDir });
  await first.apply(manifest);
  await first.waitFor('deployment/hostnames', 'Available');
  const service = await first.client.get(resources.services, { name: 'hostnames', namespace: 'default' });
  const made = await identities(first);
  const { metadata } = await first.client.list(resources.namespaces);

  const lab = await attachLab(stateDir);
  expect(processes().length).toBeGreaterThan(3);
  process.kill(lab?.pid ?? 0, 'SIGKILL');
  await lab?.done;
  expect(processes()).toEqual([]);
  expect(hostView()).toEqual(before);
  first.detach();

  await using second = await startCluster({ name: 'lasting', stateDir });
  expect(await identities(second)).toEqual(made);
  const again = await second.client.get(resources.services, { name: 'hostnames', namespace: 'default' });
  expect(again.spec?.clusterIP).toBe(service.spec?.clusterIP);
  const { metadata: later } = await second.client.list(resources.namespaces);
  expect(Number(later.resourceVersion)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion));
  const patient = `for i in $(seq 300); do curl -fs --max-time 1 http://${again.spec?.clusterIP} && exit; sleep 0.05; done; exit 1`;
  const { stdout } = await second.node('worker').exec(['sh', '-c', patient]);
  expect(stdout).toMatch(/^hostnames-/);
  await second.waitFor<Deployment>('deployment/hostnames', ([seen]) => seen?.status?.readyReplicas === 3);
});

it('refuses a second lab in the same place, and other addresses than it was made with', async () => {
  await using running = await startCluster({ name: 'lasting', stateDir });
  await expect(startCluster({ name: 'lasting', stateDir })).rejects.toThrow('is running already');
  await running.stop();
  await expect(startCluster({ name: 'lasting', stateDir, serviceCidr: '10.0.0.0/24' })).rejects.toThrow(
    'service-cidr: invalid value "10.0.0.0/24": cluster lasting was made with 10.96.0.0/12',
  );
});

it('says which port is taken', async () => {
  await using holder = await startCluster({ name: 'holder', nodes: 1 });
  const taken = holder.spec.apiPort;
  await expect(startCluster({ name: 'late', nodes: 1, apiPort: taken })).rejects.toThrow(
    new RegExp(`port ${taken} on 127.0.0.1 is in use`),
  );
});
