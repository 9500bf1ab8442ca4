import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Container, CoreEvent, Pod } from '../api/types.ts';
import { findCgroup } from '../kernel/cgroups/find.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const namespace = 'default';
const found = findCgroup();
const reason = 'missing' in found ? found.missing : '';
if (reason) console.warn(`limits are not held to here: ${reason}`);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ name: 'limits', nodes: 1 });
});
afterAll(() => cluster?.stop());

const create = (name: string, container: Partial<Container>) =>
  cluster.client.create(resources.pods, {
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', ...container }],
    },
  });

const pod = async (name: string, satisfied: (pod: Pod) => boolean) => {
  await cluster.waitFor<Pod>(`pods/${name}`, ([found]) => found !== undefined && satisfied(found));
  return cluster.client.get(resources.pods, { name, namespace });
};

const isRunning = ({ status }: Pod) => status?.containerStatuses?.[0]?.state?.running !== undefined;

/** Folders of a running container's groups, noted where the node keeps it. */
async function groupsOf({ metadata }: Pod): Promise<string[]> {
  const file = `/run/v9s/nodes/control-plane/pods/${metadata?.uid}/containers/main/0/cgroup`;
  const { stdout } = await cluster.node('control-plane').exec(['cat', file]);
  return stdout.trim().split('\n');
}

const read = (folders: string[], ...names: string[]) =>
  folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .filter(existsSync)
    .map((file) => readFileSync(file, 'utf8').trim())
    .join('\n');

it.skipIf(reason)('a container that takes more memory than it may is OOMKilled', async () => {
  await create('greedy', {
    command: ['perl', '-e', '$x = "a" x (200 << 20); sleep 600'],
    resources: { limits: { memory: '64Mi' } },
  });
  const { status } = await pod('greedy', ({ status }) => status?.phase === 'Failed');
  expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    reason: 'OOMKilled',
    exitCode: 137,
  });
});

it.skipIf(reason)(
  'a container that wants more CPU than it may is throttled, and its group goes with it',
  async () => {
    await create('busy', {
      command: ['perl', '-e', '1 while 1'],
      resources: { limits: { cpu: '200m', memory: '32Mi' }, requests: { cpu: '100m' } },
    });
    const busy = await pod('busy', isRunning);
    const folders = await groupsOf(busy);
    for (const folder of folders)
      expect(folder).toMatch(
        new RegExp(
          `/v9s-limits-[0-9a-f]{8}/control-plane/kubepods/burstable/pod${busy.metadata?.uid}/[0-9a-f]{64}$`,
        ),
      );
    expect(read(folders, 'cpu.max', 'cpu.cfs_quota_us')).toMatch(/^20000( 100000)?$/);
    expect(read(folders, 'memory.max', 'memory.limit_in_bytes')).toBe(String(32 << 20));
    await expect.poll(() => read(folders, 'cpu.stat'), { timeout: 20_000 }).toMatch(/^nr_throttled [1-9]/m);

    // The kubelet tells what it uses.
    const { stdout: used } = await cluster.kubectl([
      'get',
      '--raw',
      '/api/v1/nodes/control-plane/proxy/metrics/resource',
    ]);
    expect(used).toMatch(
      /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="busy"\} 0?\.?\d+/m,
    );
    const memory = /^pod_memory_working_set_bytes\{namespace="default",pod="busy"\} (\d+) \d+$/m.exec(
      used,
    )?.[1];
    expect(Number(memory)).toBeGreaterThan(1 << 20);

    // A command beside the program is in its group.
    const { stdout } = await cluster.kubectl(['exec', 'busy', '--', 'cat', '/proc/self/cgroup']);
    expect(stdout).not.toContain('kubepods');
    const command = expect(cluster.kubectl(['exec', 'busy', '--', 'sleep', '600'])).rejects.toThrow('137');
    await expect
      .poll(() => read(folders.slice(0, 1), 'cgroup.procs').split('\n').length, { timeout: 20_000 })
      .toBe(2);

    await cluster.client.delete(resources.pods, { name: 'busy', namespace });
    await command;
    await expect.poll(() => folders.filter(existsSync), { timeout: 20_000 }).toEqual([]);
  },
);

if (reason)
  it('where there are no cgroups, an Event says so once, and what to do', async () => {
    await create('limited', { command: ['sleep', '600'], resources: { limits: { memory: '64Mi' } } });
    await pod('limited', isRunning);
    const isTold = ({ reason }: CoreEvent) => reason === 'LimitsNotEnforced';
    await expect
      .poll(
        async () => (await cluster.client.list(resources.events, { namespace })).items.find(isTold)?.message,
        { timeout: 20_000 },
      )
      .toContain(reason);
  });
