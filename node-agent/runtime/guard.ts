import { existsSync, readFileSync } from 'node:fs';
import type { Step } from './container-plan.ts';

/** What of this machine a container must not read or write to. */
export interface Guard {
  /** Files and folders, of those that exist here, in which a container finds nothing. */
  hidden: readonly string[];
  /** The same, which it may read. */
  readOnly: readonly string[];
  /**
   * True where root in a container is the machine's own root, of which only capabilities were taken: the files of `/proc`
   * and `/sys` are that root's to write, so that a privileged container must not mount them anew.
   */
  isMachineRoot: boolean;
}

/** As runc and containerd have them by default: `oci/spec.go`, maskedPaths and readonlyPaths. */
const hidden = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'],
  ...['timer_list', 'timer_stats'],
]
  .map((name) => `/proc/${name}`)
  .concat('/sys/firmware', '/sys/devices/virtual/powercap');
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'];

/** Looked up once a node-agent. */
export function findGuard(uidMap = readFileSync('/proc/self/uid_map', 'utf8')): Guard {
  const [inside, outside, count] = uidMap.trim().split(/\s+/).map(Number);
  // A machine's first user namespace is the machine's: a node of its own, where privileged means what it says.
  const isMachineRoot = inside === 0 && outside === 0 && count !== 0xffff_ffff;
  return { hidden: hidden.filter(existsSync), readOnly: readOnly.filter(existsSync), isMachineRoot };
}

/** The steps that guard `/proc` and `/sys` below `root`, once they are mounted. */
export function guardSteps(root: string, guard: Guard, privileged: boolean): Step[] {
  const keep = (path: string): Step => ['bind', root + path, root + path, 'ro'];
  if (!privileged)
    return [
      ...[...guard.readOnly, '/proc/sys'].map(keep),
      ...guard.hidden.map((path): Step => ['hide', root + path]),
    ];
  if (!guard.isMachineRoot) return [];
  const network = `${root}/proc/sys/net`;
  return [
    ...[...guard.readOnly, '/proc/sys'].map(keep),
    ['bind', network, network, ''],
    ['mount', 'none', network, '', 'remount,bind,nosuid,nodev,noexec', ''],
  ];
}
