import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { pidsOfNamespace } from '../kernel/processes.ts';
import { attachLab, type Lab, startLab } from './index.ts';
import { hostState, nodes, processesOf, running, temporaryDirectory, until, web } from './testing/host.ts';

const start = (stateDir: string, name = 'test') =>
  startLab({
    name,
    stateDir,
    nodes,
    components: [
      web,
      { name: 'tree', node: 'worker', command: ['sh', '-c', 'sleep 4712 & setsid sleep 4713'] },
    ],
    apiPort: 0,
    nameservers: [],
    lifetime: 'detached',
  });

/** The supervisor's id on the host. */
async function supervisorOf(lab: Lab): Promise<number> {
  const { stdout } = await lab.enter(['pgrep', '-f', '-o', '^/.*node .*supervisor']);
  return pidsOfNamespace(lab.pid).get(Number(stdout)) ?? Number.NaN;
}

test.each([
  ['PID 1', async (lab: Lab) => lab.pid],
  ['the supervisor', supervisorOf],
  ['unshare', async (lab: Lab) => processesOf(lab).at(-1)?.pid ?? Number.NaN],
])('kill -9 of %s leaves nothing', async (_, victim) => {
  using directory = temporaryDirectory();
  const before = hostState();
  const lab = await start(directory.path);
  const processes = await until('the components', async () => {
    const all = processesOf(lab);
    return all.length >= 7 && all;
  });
  expect(hostState()).toEqual(before);
  const pid = await victim(lab);
  expect(processes.map((process) => process.pid)).toContain(pid);
  process.kill(pid, 'SIGKILL');
  await lab.done;
  await until('every process to end', async () => running(processes).length === 0);
  expect(hostState()).toEqual(before);
  expect(await attachLab(directory.path)).toBeUndefined();
  await expect(fetch(`http://127.0.0.1:${lab.apiPort}`)).rejects.toThrow();
  await expect(lab.enter(['true'])).rejects.toThrow('lab "test" has ended');
});

test('ten labs started and stopped leave the machine as it was', async () => {
  using directory = temporaryDirectory();
  const before = hostState();
  for (let round = 0; round < 10; round++) {
    const lab = await start(directory.path);
    const processes = processesOf(lab);
    await lab.stop();
    expect(running(processes)).toEqual([]);
  }
  expect(hostState()).toEqual(before);
});

test('two labs run at once, and the end of one leaves the other', async () => {
  using one = temporaryDirectory();
  using two = temporaryDirectory();
  const labs = await Promise.all([start(one.path, 'one'), start(two.path, 'two')]);
  const answers = await Promise.all(
    labs.map(async ({ apiPort }) => (await fetch(`http://127.0.0.1:${apiPort}`)).text()),
  );
  expect(answers).toEqual([expect.stringMatching(/ worker$/), expect.stringMatching(/ worker$/)]);
  await labs[0].stop();
  expect((await labs[1].enter(['ping', '-c', '1', '-W', '5', '172.18.0.3'])).exitCode).toBe(0);
  await labs[1].stop();
});

test("an owner's lab ends with it, also after kill -9", async () => {
  using directory = temporaryDirectory();
  const { child } = await startChild(directory.path, 'owner');
  const lab = await attachLab(directory.path);
  if (!lab) throw new Error('the lab does not run');
  const processes = processesOf(lab);
  child.kill('SIGKILL');
  await lab.done;
  await until('every process to end', async () => running(processes).length === 0);
});

test('a detached lab outlives its starter', async () => {
  using directory = temporaryDirectory();
  const { child, seen } = await startChild(directory.path, 'detached');
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  const lab = await attachLab(directory.path);
  expect(lab?.pid).toBe(seen.pid);
  expect(await (await fetch(`http://127.0.0.1:${lab?.apiPort}`)).text()).toBe(seen.answer);
  await lab?.stop();
});

test('a start that fails says why and leaves nothing', async () => {
  using directory = temporaryDirectory();
  const fake = join(directory.path, 'ip');
  writeFileSync(fake, '#!/bin/sh\necho "RTNETLINK answers: No such thing" >&2\nexit 2\n');
  chmodSync(fake, 0o755);
  const before = hostState();
  const path = process.env.PATH;
  try {
    // The features are known good by now; only the set-up meets this `ip`.
    process.env.PATH = `${directory.path}:${path}`;
    await expect(start(join(directory.path, 'state'))).rejects.toThrow(
      'setting up the network of lab "test" failed: RTNETLINK answers: No such thing',
    );
  } finally {
    process.env.PATH = path;
  }
  expect(await attachLab(join(directory.path, 'state'))).toBeUndefined();
  expect(hostState()).toEqual(before);
});

/** Starts `testing/start.ts` and waits for what it saw. */
async function startChild(
  stateDir: string,
  lifetime: string,
): Promise<{ child: ChildProcess; seen: { pid: number; answer: string } }> {
  const script = fileURLToPath(new URL('testing/start.ts', import.meta.url));
  const child = spawn(process.execPath, [script, stateDir, lifetime], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { child, seen: JSON.parse(String(line)) };
}
