import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../kernel/package-root.ts';
import { type Lab, startLab } from './index.ts';
import { linkComponent } from './link.ts';
import { temporaryDirectory, until } from './testing/host.ts';

const [here, there] = [temporaryDirectory(), temporaryDirectory()];
let near: Lab;
let far: Lab;

beforeAll(async () => {
  const common = { nameservers: [], lifetime: 'owner' } as const;
  [near, far] = await Promise.all([
    startLab({
      ...common,
      name: 'near',
      stateDir: here.path,
      nodes: [{ name: 'one', address: '172.18.0.2' }],
      components: [],
    }),
    // It tries until somebody listens.
    startLab({
      ...common,
      name: 'far',
      stateDir: there.path,
      nodes: [{ name: 'two', address: '172.18.240.1' }],
      components: [linkComponent('connect', here.path)],
    }),
  ]);
  await near.addComponent(linkComponent('listen', here.path));
});

afterAll(async () => {
  await Promise.all([near?.stop(), far?.stop()]);
  for (const directory of [here, there]) directory[Symbol.dispose]();
});

const ping = async (lab: Lab, node: string, address: string) =>
  (await lab.enter(['ping', '-c1', '-W1', address], { node })).exitCode === 0;

test('nodes of two labs reach each other, large packets and small; gateways and outside stay their own', async () => {
  await until('the way there', () => ping(far, 'two', '172.18.0.2'));
  expect(await ping(near, 'one', '172.18.240.1')).toBe(true);
  const { exitCode } = await near.enter(['ping', '-c1', '-W5', '-s', '60000', '172.18.240.1'], {
    node: 'one',
  });
  expect(exitCode).toBe(0);
  for (const [lab, node] of [
    [near, 'one'],
    [far, 'two'],
  ] as const)
    for (const own of ['172.18.0.1', '172.18.255.254']) expect(await ping(lab, node, own)).toBe(true);
  expect(await ping(near, 'outside', '172.18.240.1')).toBe(false);
  await expect(near.addComponent(linkComponent('listen', here.path))).rejects.toThrow(
    'component name "link" is given twice',
  );
});

test('a transfer arrives whole', async () => {
  const script = readFileSync(join(packageRoot, 'cluster/testing/transfer.pl'), 'utf8');
  const bytes = 20 * 1024 * 1024 + 7;
  const [received, sent] = await Promise.all([
    near.enter(['perl', '-e', script, 'receive', '172.18.0.2', '5201'], { node: 'one' }),
    far.enter(['perl', '-e', script, 'send', '172.18.0.2', '5201', String(bytes)], { node: 'two' }),
  ]);
  expect(sent.stdout).toMatch(new RegExp(`^${bytes} \\d+\\n$`));
  expect(received.stdout).toBe(sent.stdout);
});

test.each(['near', 'far'] as const)('it is mended when its end in the lab %s is killed', async (which) => {
  const lab = which === 'near' ? near : far;
  const link = async () => (await lab.components()).find(({ name }) => name === 'link');
  const before = await link();
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await until('another process', async () => ((await link())?.restarts ?? 0) > (before?.restarts ?? 0));
  await until('the way back', () => ping(far, 'two', '172.18.0.2'));
});
