import { join } from 'node:path';
import type { Step } from './container-plan.ts';

/** A file or folder of the lab that a container sees. */
export interface BindMount {
  source: string;
  /** Absolute, in the container. */
  target: string;
  readOnly: boolean;
  /** Left out when the source does not exist. */
  optional?: boolean;
  /** The source is a path in this folder, whatever links somebody has put there. */
  base?: string;
  /** Device files in it cannot be opened. */
  noDevices?: boolean;
  /** Paths below the target in whose place there is nothing. */
  hidden?: readonly string[];
}

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/**
 * Processes and threads of one container where nobody says another number, with Linux 6.14 or newer: before, `kernel.pid_max` was one for all PID
 * namespaces, and is left alone.
 */
export const mostProcesses = 1024;

/** Ids below are given once, and not again when the others have been; `kernel/pid.c`, RESERVED_PIDS. */
const reservedIds = 300;

/**
 * Folders of `/usr` that belong to the container's own root, not to the host's: to an ordinary user's lab that
 * one is nobody, in whose folders even root may not write. A folder on both sides of an overlay is the upper one's.
 */
const systemFolders = [
  'bin',
  'sbin',
  'lib',
  'share',
  'src',
  'local',
  'local/bin',
  'local/lib',
  'local/share',
];

/** Of the host's `/etc` only what its programs need to start: nothing that belongs to its users. */
const hostFiles = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/ssl/openssl.cnf'];

/**
 * A root file system below `root`: a tmpfs with the host's `/usr` under a writable overlay, a small
 * `/etc`, fresh `/proc` and `/sys`, a minimal `/dev`. `links` says how the host makes `/bin`, `/lib` …
 */
export function rootSteps(
  root: string,
  links: Readonly<Record<string, string | undefined>>,
  processes = mostProcesses,
): Step[] {
  return [
    ['mount', 'tmpfs', root, 'tmpfs', 'nosuid,nodev', 'mode=0755'],
    // Outside of the root, so that nobody sees it there; the overlay keeps hold of it.
    ['mount', 'tmpfs', `${root}.upper`, 'tmpfs', 'nosuid,nodev', 'mode=0755'],
    ...systemFolders.map((name): Step => ['dir', `${root}.upper/upper/${name}`, '0755']),
    ['overlay', '/usr', `${root}/usr`, `${root}.upper`],
    ...Object.entries(links).map(
      ([name, target]): Step =>
        target ? ['link', target, `${root}/${name}`] : ['bind', `/${name}`, `${root}/${name}`, 'rec,ro'],
    ),
    ['dir', `${root}/etc`, '0755'],
    ...hostFiles.map((file): Step => ['bind', file, root + file, 'ro,optional']),
    ...kernelSteps(root, processes),
    ['dir', `${root}/tmp`, '1777'],
    ['dir', `${root}/run`, '0755'],
    ['dir', `${root}/root`, '0700'],
    ['dir', `${root}/var/tmp`, '1777'],
    ['link', '/run', `${root}/var/run`],
  ];
}

/** A root file system below `root`: the tree of a loaded image under a writable overlay, and what the kernel provides. */
export function imageRootSteps(root: string, rootfs: string, processes = mostProcesses): Step[] {
  return [
    ['mount', 'tmpfs', `${root}.upper`, 'tmpfs', 'nosuid,nodev', 'mode=0755'],
    ['overlay', rootfs, root, `${root}.upper`],
    ...kernelSteps(root, processes),
  ];
}

/** `/proc`, `/sys` and `/dev`. */
function kernelSteps(root: string, processes: number): Step[] {
  return [
    ['mount', 'proc', `${root}/proc`, 'proc', 'nosuid,nodev,noexec', ''],
    // The namespace's own limit, which a fork bomb cannot pass while /proc/sys stays read-only.
    ['sysctl', `${root}/proc/sys/kernel/pid_max`, String(processes + reservedIds)],
    ['mount', 'sysfs', `${root}/sys`, 'sysfs', 'nosuid,nodev,noexec,ro', ''],
    ['mount', 'tmpfs', `${root}/dev`, 'tmpfs', 'nosuid', 'mode=0755,size=64k'],
    ...devices.map((name): Step => ['bind', `/dev/${name}`, `${root}/dev/${name}`, '']),
    ['mount', 'devpts', `${root}/dev/pts`, 'devpts', 'nosuid,noexec', 'newinstance,ptmxmode=0666,mode=620'],
    ['mount', 'shm', `${root}/dev/shm`, 'tmpfs', 'nosuid,nodev,noexec', 'mode=1777,size=64m'],
    ['link', 'pts/ptmx', `${root}/dev/ptmx`],
    ['link', '/proc/self/fd', `${root}/dev/fd`],
    ['link', '/proc/self/fd/0', `${root}/dev/stdin`],
    ['link', '/proc/self/fd/1', `${root}/dev/stdout`],
    ['link', '/proc/self/fd/2', `${root}/dev/stderr`],
  ];
}

/** Image files and volumes over a root made by {@link rootSteps}. */
export function overlaySteps(root: string, binds: readonly BindMount[]): Step[] {
  return binds.flatMap(({ source, target, readOnly, optional, base, noDevices, hidden = [] }): Step[] => [
    [
      'bind',
      source,
      root + target,
      [
        'rec',
        ...(readOnly ? ['ro'] : []),
        ...(noDevices ? ['nodev'] : []),
        ...(optional ? ['optional'] : []),
      ].join(','),
      ...(base ? [base] : []),
    ],
    ...hidden.map((path): Step => ['hide', join(root + target, path)]),
  ]);
}
