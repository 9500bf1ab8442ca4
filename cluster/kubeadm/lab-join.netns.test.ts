import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { attachLab } from '../../lab/handle.ts';
import { startCluster } from '../cluster.ts';
import type { Cluster } from '../handle.ts';
import { stateDir } from '../state.ts';
import { initCluster } from './init.ts';
import { joinFromLab } from './lab-join.ts';
import { resetNodeIn } from './reset.ts';

let folder = '';
let cluster: Cluster;
let joinCommand: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-labs-'));
  ({ cluster, joinCommand } = await initCluster({ name: 'home', stateDir: join(folder, 'home') }));
});

afterAll(async () => {
  await (await attachLab(join(folder, 'beside')))?.stop();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function options() {
  const [, endpoint = '', token = '', hash = ''] =
    /join (\S+) .*--token (\S+) --\S+ (\S+)$/.exec(joinCommand) ?? [];
  const at = { stateDir: join(folder, 'home'), labFolder: join(folder, 'beside') };
  return { endpoint, token, hashes: [hash], lab: 'beside', ...at };
}

async function pod(name: string, nodeName: string): Promise<string> {
  const containers = [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'echo up; exec sleep 1000'] }];
  const spec = { nodeName, containers, terminationGracePeriodSeconds: 0 };
  await cluster.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec } as Pod]);
  const [ready] = await cluster.waitFor<Pod>(`pods/${name}`, 'Ready');
  return ready?.status?.podIP ?? '';
}

const ping = (address: string) => [
  'sh',
  '-c',
  `for i in $(seq 200); do ping -c1 -W1 ${address} >/dev/null && exit; sleep 0.05; done; exit 1`,
];

it('what is refused leaves nothing', async () => {
  await expect(joinFromLab({ ...options(), hashes: [`sha256:${'0'.repeat(64)}`] })).rejects.toThrow(
    'cluster CA found in cluster-info ConfigMap is invalid',
  );
  await expect(joinFromLab({ ...options(), nodeName: 'control-plane' })).rejects.toThrow('already exists');
  expect(readdirSync(folder)).toEqual(['home']);
});

it('a lab of its own joins, its pods and those of the other lab reach each other; both may go and come back', async () => {
  expect(await joinFromLab(options())).toEqual({ cluster: 'beside', node: 'beside' });
  const [near, far] = [await pod('near', 'control-plane'), await pod('far', 'beside')];
  await cluster.pod('near').exec(ping(far));
  expect(await cluster.logs('far')).toBe('up\n');

  const lab = await attachLab(join(folder, 'beside'));
  await lab?.stop();
  const beside = await startCluster({
    name: 'beside',
    stateDir: join(folder, 'beside'),
    lifetime: 'detached',
  });
  await beside.node('beside').exec(ping(near));
  beside.detach();

  await cluster.stop();
  cluster = await startCluster({ name: 'home', stateDir: join(folder, 'home') });
  await beside.node('beside').exec(ping('172.18.0.2'));

  await resetNodeIn(stateDir(join(folder, 'beside')), 'beside');
  expect(readdirSync(folder)).toEqual(['home']);
  expect(await attachLab(join(folder, 'beside'))).toBeUndefined();
});
