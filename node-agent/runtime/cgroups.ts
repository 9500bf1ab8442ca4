import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, type CgroupAccess, type Controller, delegate } from '../../kernel/cgroups/find.ts';
import { makeGroup, readIfThere, removeGroup } from '../../kernel/cgroups/groups.ts';
import type { GroupLimits } from '../pods/limits.ts';

/** The groups of a node's pods, below that of its lab. */
export interface Cgroups {
  /** Controllers there are; of others no limit is held to. */
  has(controller: Controller): boolean;
  /** Why some are not, and what to do. */
  missing: string;
  /**
   * Makes a group, its path given by names, and sets its limits; notes it in a file `cgroup` of `dir`, for
   * {@link removeCgroup}. Returns its folders, one with version 2, one a controller with version 1.
   *
   * @throws `Error` when the kernel refuses, such as a limit below what is in use
   */
  make(path: readonly string[], limits: GroupLimits, dir: string): string[];
}

/** `nodeName` names the node's own group in that of the lab. */
export function createCgroups(access: CgroupAccess, nodeName: string): Cgroups {
  const group: Cgroup = 'missing' in access ? { version: 2, folders: {} } : access;
  const { version, folders } = group;
  const lacking = (['memory', 'cpu', 'pids'] as const).filter((controller) => !folders[controller]);
  const ready = (parent: string) => {
    makeGroup(parent);
    if (version === 2) delegate(parent);
  };
  return {
    has: (controller) => folders[controller] !== undefined,
    missing:
      'missing' in access
        ? access.missing
        : `the lab's cgroup was not given the controllers ${lacking.join(' and ')}`,
    make(path, limits, dir) {
      const made = new Map<string, Controller[]>();
      for (const [controller, top] of Object.entries(folders)) {
        let folder = top;
        for (const name of [nodeName, ...path]) {
          ready(folder);
          folder = join(folder, name);
        }
        made.set(folder, [...(made.get(folder) ?? []), controller as Controller]);
      }
      const list = [...made.keys()];
      // First of all: whoever is interrupted leaves no group that nobody knows of.
      if (list.length > 0) writeFileSync(join(dir, noted), `${list.join('\n')}\n`);
      for (const [folder, controllers] of made) {
        makeGroup(folder);
        for (const [file, value] of settings(version, limits))
          if (controllers.some((controller) => file.startsWith(`${controller}.`)))
            set(join(folder, file), value);
      }
      return list;
    },
  };
}

/** In a folder of the runtime: the groups that were made for it, a line each. */
const noted = 'cgroup';
/** There when the kernel has ended a process of the container for want of memory. */
const oomKilled = 'oom-killed';

/** Removes the group that was made for what is in `dir`, with those below it and whoever is left in them. */
export async function removeCgroup(dir: string): Promise<void> {
  for (const folder of foldersOf(dir)) await removeGroup(folder);
  rmSync(join(dir, noted), { force: true });
}

/** Whether the kernel has ended a process of a container because it had reached its limit of memory. */
export function wasOomKilled(dir: string): boolean {
  if (existsSync(join(dir, oomKilled))) return true;
  // Version 2 has the first of them, version 1 the second.
  const counts = foldersOf(dir)
    .flatMap((folder) => ['memory.events', 'memory.oom_control'].map((name) => join(folder, name)))
    .map((file) => Number(/^oom_kill (\d+)$/m.exec(readIfThere(file) ?? '')?.[1] ?? 0));
  if (!counts.some((count) => count > 0)) return false;
  // The group goes, what it knew stays.
  writeFileSync(join(dir, oomKilled), '');
  return true;
}

const foldersOf = (dir: string) => readIfThere(join(dir, noted))?.split('\n').filter(Boolean) ?? [];

/** Upstream: runc, `libcontainer/cgroups/fs` and `fs2`. Swap is not given beside memory. */
function settings(
  version: 1 | 2,
  { memory, cpuQuota, cpuShares, pids, oomGroup }: GroupLimits,
): [file: string, value: string][] {
  const all: [string, number | string | false | undefined][] =
    version === 1
      ? [
          ['cpu.shares', cpuShares],
          ['cpu.cfs_period_us', cpuQuota && period],
          ['cpu.cfs_quota_us', cpuQuota],
          ['memory.limit_in_bytes', memory],
          ['memory.memsw.limit_in_bytes', memory],
          ['pids.max', pids],
        ]
      : [
          ['cpu.weight', cpuShares && 1 + Math.floor(((cpuShares - 2) * 9999) / 262_142)],
          ['cpu.max', cpuQuota && `${cpuQuota} ${period}`],
          ['memory.max', memory],
          ['memory.swap.max', memory && 0],
          ['memory.oom.group', oomGroup && 1],
          ['pids.max', pids],
        ];
  return all.flatMap(([file, value]) =>
    value === undefined || value === false ? [] : [[file, String(value)]],
  );
}

/** Microseconds. */
const period = 100_000;

function set(file: string, value: string): void {
  // Swap accounting may be switched off, and oom.group is of Linux 4.19.
  if (existsSync(file)) writeFileSync(file, value);
}
