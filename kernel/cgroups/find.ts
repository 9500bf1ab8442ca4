import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeGroup, move, readIfThere, words } from './groups.ts';

/** What of a machine is shared out by cgroups here. */
export const controllers = ['memory', 'cpu', 'pids'] as const;
export type Controller = (typeof controllers)[number];

/** A cgroup: in version 2 one folder for all controllers, in version 1 a folder in the hierarchy of each. */
export interface Cgroup {
  version: 1 | 2;
  folders: Partial<Record<Controller, string>>;
}

/** A cgroup to make others in, or why there is none and what to do. */
export type CgroupAccess = Cgroup | { missing: string };

/** Where this process is, as the kernel tells. */
export interface CgroupView {
  /** `/proc/self/cgroup` */
  own: string;
  /** `/proc/self/mountinfo` */
  mounts: string;
  isRoot: boolean;
}

interface Mount {
  path: string;
  /** The cgroup that is seen at `path`. */
  root: string;
  type: string;
  options: readonly string[];
}

/**
 * The cgroup below which this process may make others, without a way out of any limit it is under itself. With version 1 that
 * is its own, for root alone. With version 2 it is for root the top of what is mounted, which may hold processes; else
 * its own or the next one above that it may divide: what systemd delegates to an ordinary user. No group that hands out
 * controllers may hold processes (cgroups(7), "no internal processes"), so the processes of one that was made for this command are moved into a
 * group below it.
 */
export function findCgroup(view: CgroupView = ownView()): CgroupAccess {
  const mounts = parseMounts(view.mounts);
  const unified = mounts.find(({ type }) => type === 'cgroup2');
  const own = parseOwn(view.own);
  if (unified && offered(unified.path).length > 0) return findUnified(view, unified, own.get('') ?? '/');
  const folders: Cgroup['folders'] = {};
  for (const controller of controllers) {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
    if (mount) folders[controller] = place(mount, own.get(controller) ?? '/');
  }
  if (Object.keys(folders).length === 0)
    return {
      missing: 'no cgroup hierarchy with memory, cpu or pids is mounted; mount cgroup2 at /sys/fs/cgroup',
    };
  if (!view.isRoot)
    return {
      missing:
        'this machine has cgroups of version 1, which root alone may divide; start the cluster as root',
    };
  for (const [controller, folder] of Object.entries(folders))
    if (!isWritable(folder)) delete folders[controller as Controller];
  if (Object.keys(folders).length === 0)
    return {
      missing: 'the cgroups of this machine are read-only here; start the cluster outside of the container',
    };
  return { version: 1, folders };
}

function findUnified({ isRoot }: CgroupView, mount: Mount, own: string): CgroupAccess {
  // Where an earlier lab has moved its callers.
  const start = place(mount, own).replace(/\/v9s-callers$/, '');
  const above = ancestors(start, mount.path);
  const candidates = isRoot ? [mount.path, ...above.filter((folder) => folder !== mount.path)] : above;
  for (const folder of candidates) {
    const given = delegate(folder, folder === start);
    if (given.length > 0)
      return { version: 2, folders: Object.fromEntries(given.map((controller) => [controller, folder])) };
  }
  return {
    missing: isRoot
      ? `cgroup ${own} cannot be divided here; start the cluster outside of the container`
      : `cgroup ${own} is not yours to divide; start the cluster with \`systemd-run --user --scope -p Delegate=yes v9s up\``,
  };
}

/**
 * Controllers that a group hands out to those below it, after it was told to; none where it cannot be told. `isOwn`: its
 * processes may be moved.
 */
export function delegate(folder: string, isOwn = false): Controller[] {
  if (!isWritable(folder) || offered(folder).length === 0) return [];
  // The top of the hierarchy, which has no type, may hold processes. Others would become threaded, which is not meant.
  const mustBeEmpty = existsSync(join(folder, 'cgroup.type'));
  if (mustBeEmpty && words(join(folder, 'cgroup.procs')).length > 0 && !(isOwn && vacate(folder))) return [];
  const control = join(folder, 'cgroup.subtree_control');
  for (const controller of offered(folder)) {
    if (words(control).includes(controller)) continue;
    try {
      writeFileSync(control, `+${controller}`);
    } catch {
      // The kernel keeps it: real-time processes are outside of all groups, or a mount of version 1 has it. Others may do.
    }
  }
  const given = words(control);
  return controllers.filter((controller) => given.includes(controller));
}

/** Moves the processes of a group into one below it, where all descend from one of those that have started this one. */
function vacate(folder: string): boolean {
  const leaf = join(folder, 'v9s-callers');
  const list = () => words(join(folder, 'cgroup.procs')).map(Number);
  const first = list();
  const top = line(process.pid)
    .filter((pid) => first.includes(pid))
    .at(-1);
  if (top === undefined) return false;
  const hasEnded = (pid: number) => readIfThere(`/proc/${pid}/stat`) === undefined;
  // While some are moved, one of them may start another.
  for (let round = 0; round < 20; round += 1) {
    const all = list();
    if (all.length === 0) return true;
    if (!all.every((pid) => line(pid).includes(top) || hasEnded(pid))) return false;
    try {
      makeGroup(leaf);
      for (const pid of all) move(leaf, pid);
    } catch (error) {
      // It has ended. Another user's cannot be moved, nor a group made where their number is limited: as our caller tells.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') return false;
    }
  }
  return false;
}

const offered = (folder: string): Controller[] => {
  const there = words(join(folder, 'cgroup.controllers'));
  return controllers.filter((controller) => there.includes(controller));
};

/** Where a group is seen, of which `/proc/self/cgroup` tells the path from the hierarchy's root. */
function place({ path, root }: Mount, group: string): string {
  const below = root !== '/' && group.startsWith(root) ? group.slice(root.length) : group;
  return join(path, below).replace(/(?<=.)\/$/, '');
}

/** A folder and those above it, up to `top`. */
function ancestors(folder: string, top: string): string[] {
  return folder === top || folder.length <= top.length
    ? [folder]
    : [folder, ...ancestors(dirname(folder), top)];
}

/** A process and those it descends from, up to the first. */
function line(pid: number): number[] {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const parent = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  return parent > 0 ? [pid, ...line(parent)] : [pid];
}

function isWritable(folder: string): boolean {
  try {
    for (const name of ['', 'cgroup.procs']) accessSync(join(folder, name), constants.W_OK);
    return true;
  } catch {
    return false; // Not there, another user's, or mounted read-only.
  }
}

/** Controller, or '' for version 2 → path from the root. */
const parseOwn = (text: string) =>
  new Map(
    text.split('\n').flatMap((entry) => {
      const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(entry) ?? [];
      return names === undefined || path === undefined
        ? []
        : names.split(',').map((name) => [name, path] as const);
    }),
  );

/** Mounts of cgroups; proc_pid_mountinfo(5). */
const parseMounts = (text: string): Mount[] =>
  text.split('\n').flatMap((entry) => {
    const [before = '', after = ''] = entry.split(' - ');
    const [, , , root = '', path = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    return type.startsWith('cgroup') ? [{ path, root, type, options: options.split(',') }] : [];
  });

const ownView = (): CgroupView => ({
  own: readFileSync('/proc/self/cgroup', 'utf8'),
  mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
  isRoot: process.getuid?.() === 0,
});
