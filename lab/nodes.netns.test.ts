import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attachLab, type StartedLab, startLab } from './index.ts';
import { nodes, temporaryDirectory, until } from './testing/host.ts';

const directory = temporaryDirectory();
let lab: StartedLab;

beforeAll(async () => {
  lab = await startLab({
    name: 'growing',
    stateDir: directory.path,
    nodes,
    components: [{ name: 'beside', node: 'worker', command: ['sleep', '4712'] }],
    nameservers: [],
    lifetime: 'owner',
  });
});

afterAll(async () => {
  await lab?.stop();
  directory[Symbol.dispose]();
});

const added = { name: 'worker2', address: '172.18.0.4' };
const agent = { name: 'worker2', node: 'worker2', command: ['sh', '-c', 'echo up; exec sleep 4713'] };

/** What a node could leave in the lab. */
async function inLab(): Promise<string> {
  const look = 'ip -brief link | cut -d" " -f1; ls /run/netns /run/v9s/uts; cat /proc/mounts; ps -eo args';
  const { stdout } = await lab.enter(['sh', '-c', look]);
  // Of this very look.
  return stdout.replace(/^(nsenter|sh -c|ps -eo).*$/gm, '');
}

test('a node joins a running lab, is reached, and goes without a trace', async () => {
  const before = await inLab();
  await lab.addNode(added, [agent]);
  const { stdout } = await lab.enter(['sh', '-c', 'hostname; ip -4 -brief addr show eth0'], {
    node: 'worker2',
  });
  expect(stdout).toMatch(/^worker2\neth0@\S+ +UP +172\.18\.0\.4\/16/);
  for (const node of ['worker', 'outside'])
    expect((await lab.enter(['ping', '-c', '1', '-W', '5', '172.18.0.4'], { node })).exitCode).toBe(0);
  // Somebody who came before or after knows it, too.
  const other = await attachLab(directory.path);
  expect((await other?.enter(['hostname'], { node: 'worker2' }))?.stdout).toBe('worker2\n');
  expect((await lab.components()).map(({ name }) => name)).toEqual(['beside', 'worker2']);

  // Programs of the node that nobody supervises, in its namespace and in that of a pod.
  await lab.enter(['sh', '-c', 'setsid sleep 4714 >/dev/null 2>&1 & exit 0'], { node: 'worker2' });
  await lab.enter(['ip', 'netns', 'add', 'cni-pod']);
  await lab.enter(['sh', '-c', 'ip netns exec cni-pod setsid sh -c "sleep 4715" >/dev/null 2>&1 & exit 0']);
  const sleeping = async () =>
    (await lab.enter(['pgrep', '-fc', '^sleep 471[45]'])).stdout.trim() === '2' || undefined;
  await until('both programs', sleeping);
  await lab.removeNode('worker2', { netns: ['cni-pod'] });
  expect(await inLab()).toBe(before);
  expect((await lab.components()).map(({ name }) => name)).toEqual(['beside']);
  await expect(lab.enter(['true'], { node: 'worker2' })).rejects.toThrow('has no node "worker2"');
});

test('a component of such a node is started again like any other', async () => {
  await lab.addNode(added, [agent]);
  const of = async () => (await lab.components()).find(({ name }) => name === 'worker2');
  const first = await until('its process', async () => (await of())?.pid);
  process.kill(first, 'SIGKILL');
  await until('another process', async () => (await of())?.restarts === 1 && (await of())?.pid !== first);
  const log = () => readFileSync(join(directory.path, 'log/worker2.log'), 'utf8');
  await expect.poll(log).toMatch(/^up\nup\n/);
  await lab.removeNode('worker2');
});

test('what cannot be added leaves nothing', async () => {
  const before = await inLab();
  await expect(lab.addNode({ name: 'worker', address: '172.18.0.9' }, [])).rejects.toThrow(
    'node name "worker" is given twice',
  );
  await expect(lab.addNode({ name: 'other', address: '172.18.0.3' }, [])).rejects.toThrow(
    'address 172.18.0.3 belongs to "worker"',
  );
  // Half-way: a namespace of that name is there already.
  await lab.enter(['sh', '-c', ': > /run/netns/taken']);
  await expect(lab.addNode({ name: 'taken', address: '172.18.0.9' }, [])).rejects.toThrow(
    'setting up node "taken" of lab "growing" failed',
  );
  await lab.enter(['rm', '-f', '/run/netns/taken']);
  await expect(lab.removeNode('worker9')).rejects.toThrow('lab "growing" has no node "worker9"');
  await expect(lab.removeNode('outside')).rejects.toThrow('has no node "outside"');
  expect(await inLab()).toBe(before);
});

test('many come at once', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `many${index}`);
  await Promise.all(names.map((name, index) => lab.addNode({ name, address: `172.18.1.${index + 1}` }, [])));
  const { exitCode } = await lab.enter(['ping', '-c', '1', '-W', '5', '172.18.1.1'], { node: 'many19' });
  expect(exitCode).toBe(0);
  await Promise.all(names.map((name) => lab.removeNode(name)));
  expect((await lab.enter(['ls', '/run/netns'])).stdout.split('\n').filter(Boolean).sort()).toEqual([
    'control-plane',
    'outside',
    'worker',
  ]);
});
