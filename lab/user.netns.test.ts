import { execFile } from 'node:child_process';
import { accessSync, chownSync, constants, copyFileSync, linkSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { attachLab } from './index.ts';
import { hostState, processesOf, running, temporaryDirectory, until } from './testing/host.ts';

const nobody = 65_534;
const script = fileURLToPath(new URL('testing/start.ts', import.meta.url));

test('an ordinary user can do it all', async ({ skip }) => {
  if (process.getuid?.() !== 0) return skip('every other test already runs as an ordinary user');
  if (!isReadableByAll(script)) return skip(`other users cannot read ${script}`);
  using directory = temporaryDirectory();
  const home = join(directory.path, 'home');
  for (const path of [directory.path, home]) {
    mkdirSync(path, { recursive: true });
    chownSync(path, nobody, nobody);
  }
  const before = hostState();
  const stateDir = join(home, 'lab');
  const { stdout } = await promisify(execFile)(
    'setpriv',
    [
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      '--clear-groups',
      nodeForAll(directory.path),
      script,
      stateDir,
      'detached',
    ],
    // Their PATH has no directory of ip and iptables.
    { env: { HOME: home, PATH: '/usr/bin:/bin' } },
  );
  expect(JSON.parse(stdout)).toEqual({
    pid: expect.any(Number),
    answer: expect.stringMatching(/^\d+ worker$/),
    ping: 0,
    id: '0',
  });
  const lab = await attachLab(stateDir);
  if (!lab) throw new Error('the lab does not run');
  expect(statSync(`/proc/${lab.pid}`).uid).toBe(nobody);
  expect(statSync(join(stateDir, 'control.sock')).mode & 0o777).toBe(0o600);
  const processes = processesOf(lab);
  process.kill(lab.pid, 'SIGKILL');
  await until('every process to end', async () => running(processes).length === 0);
  expect(hostState()).toEqual(before);
});

/** This very Node.js, where others may start it. */
function nodeForAll(folder: string): string {
  const path = join(folder, 'node');
  try {
    linkSync(process.execPath, path);
  } catch {
    copyFileSync(process.execPath, path); // Another file system.
  }
  accessSync(path, constants.X_OK);
  return path;
}

function isReadableByAll(path: string): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & 0o004) !== 0 && (parent === path || isReadableByAll(parent));
}
