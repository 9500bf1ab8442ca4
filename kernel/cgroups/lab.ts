import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Cgroup, type CgroupAccess, controllers, delegate, findCgroup } from './find.ts';
import { isPopulated, makeGroup, removeGroup, removeIfEmpty } from './groups.ts';

/** The group of a lab, in whose own below it (`lab`) all processes are that are not put into another. */
export interface LabCgroup {
  /** For the environment of what runs in the lab: where nodes make the groups of their pods. */
  access: CgroupAccess;
  /** `cgroup.procs` of the group that the lab's first process is to enter. */
  enter: string[];
}

/** Of the environment: a {@link CgroupAccess} as JSON. */
export const cgroupVariable = 'V9S_CGROUPS';

/** What {@link cgroupVariable} says, or that nothing was said. */
export function cgroupsGiven(text = process.env[cgroupVariable]): CgroupAccess {
  return text ? JSON.parse(text) : { missing: 'whoever started this node has not looked for cgroups' };
}

/**
 * Makes the group of the lab `name` that keeps its files in `stateDir`, and removes those beside it whose labs have
 * ended. Nothing removes a group when its last process ends; so this is done by who comes next.
 */
export async function makeLabGroup(name: string, stateDir: string): Promise<LabCgroup> {
  const found = findCgroup();
  if ('missing' in found) return { access: found, enter: [] };
  const group = `v9s-${name}-${createHash('sha256').update(stateDir).digest('hex').slice(0, 8)}`;
  const { version } = found;
  const mine: Cgroup['folders'] = {};
  try {
    sweep(found, group);
    for (const [controller, top] of entries(found)) {
      const folder = join(top, group);
      if (Object.values(mine).includes(folder)) continue;
      // What a lab of the same place has left: that one is not running.
      await removeGroup(folder);
      makeGroup(join(folder, leaf));
      for (const given of version === 2 ? delegate(folder) : [controller]) mine[given] = folder;
    }
  } catch (error) {
    return { access: { missing: `cgroups cannot be made: ${(error as Error).message}` }, enter: [] };
  }
  const access: Cgroup = { version, folders: mine };
  const home = homeOf(access);
  return { access, enter: home ? [join(home, leaf, 'cgroup.procs')] : [] };
}

/** Removes what a lab has had, when it has ended; what cannot be removed yet is the next one's to remove. */
export async function removeLabGroup(access: CgroupAccess): Promise<void> {
  if ('missing' in access) return;
  for (const folder of new Set(Object.values(access.folders))) {
    await removeGroup(folder);
    removeIfEmpty(join(dirname(folder), 'v9s-callers'));
  }
}

const leaf = 'lab';

/** The same where nothing runs in them; else does nothing. */
export function removeEmptyLabGroup(access: CgroupAccess): void {
  if ('missing' in access) return;
  const folders = new Set(Object.values(access.folders));
  if ([...folders].some(isPopulated)) return;
  for (const folder of folders) removeIfEmpty(folder);
}

/** The hierarchy in which a lab's own processes are: with version 1 one is enough. */
const homeOf = ({ folders }: Cgroup) => folders.pids ?? folders.cpu ?? folders.memory;

const entries = ({ folders }: Cgroup) =>
  controllers.flatMap((controller) => {
    const folder = folders[controller];
    return folder === undefined ? [] : [[controller, folder] as const];
  });

/** Removes the groups of labs that have ended. One that lives has its processes at {@link homeOf}, or is just being started. */
function sweep(found: Cgroup, own: string): void {
  const home = homeOf(found) ?? '';
  for (const [, top] of entries(found)) {
    for (const entry of readdirSync(top, { withFileTypes: true })) {
      const { name } = entry;
      if (!entry.isDirectory() || !/^v9s-.*-[0-9a-f]{8}$/.test(name) || name === own) continue;
      if (isPopulated(join(home, name)) || isPopulated(join(top, name))) continue;
      if (Date.now() - statSync(join(top, name)).ctimeMs > young) removeIfEmpty(join(top, name));
    }
  }
}

/** Milliseconds that a lab has for starting its first process. */
const young = 10_000;
