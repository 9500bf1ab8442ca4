import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findCgroup } from '../kernel/cgroups/find.ts';
import { isPopulated } from '../kernel/cgroups/groups.ts';
import { attachLab, startLab } from './index.ts';
import { readState } from './state.ts';
import { nodes, temporaryDirectory, until } from './testing/host.ts';

const found = findCgroup();
const reason = 'missing' in found ? found.missing : '';
if (reason) console.warn(`cgroups of labs are not tried: ${reason}`);

const start = (stateDir: string) =>
  startLab({
    name: 'groups',
    stateDir,
    nodes,
    components: [
      { name: 'asks', node: 'worker', command: ['sh', '-c', 'echo "$V9S_CGROUPS"; exec sleep 600'] },
    ],
    nameservers: [],
    lifetime: 'detached',
  });

/** Folders of the lab's group, as its lab.json has them. */
function foldersOf(stateDir: string): string[] {
  const { cgroups } = readState(stateDir) ?? {};
  if (!cgroups || 'missing' in cgroups) throw new Error(`lab without a cgroup: ${JSON.stringify(cgroups)}`);
  return [...new Set(Object.values(cgroups.folders))];
}

test.skipIf(reason)(
  'a lab lives in a group of its own, of which its components know, and which goes with it',
  async () => {
    using directory = temporaryDirectory();
    const lab = await start(directory.path);
    const folders = foldersOf(directory.path);
    expect(folders.filter(existsSync)).toEqual(folders);
    expect(folders.some(isPopulated)).toBe(true);
    expect(readFileSync(`/proc/${lab.pid}/cgroup`, 'utf8')).toMatch(/\/v9s-groups-[0-9a-f]{8}\/lab$/m);
    const said = await until('the component', async () =>
      readFileSync(join(directory.path, 'log/asks.log'), 'utf8').trim(),
    );
    expect(JSON.parse(said)).toEqual(readState(directory.path)?.cgroups);
    await lab.stop();
    expect(folders.filter(existsSync)).toEqual([]);
  },
);

test.skipIf(reason)('after kill -9 whoever looks next removes the group', async () => {
  using directory = temporaryDirectory();
  const lab = await start(directory.path);
  const folders = foldersOf(directory.path);
  process.kill(lab.pid, 'SIGKILL');
  await lab.done;
  await until('all to be gone', async () => {
    expect(await attachLab(directory.path)).toBeUndefined();
    return folders.filter(existsSync).length === 0;
  });

  const again = await start(directory.path);
  await again.stop();
  expect(folders.filter(existsSync)).toEqual([]);
});
