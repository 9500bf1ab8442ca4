import { readdirSync, readFileSync } from 'node:fs';
import { labMemory } from '../memory.ts';

/** Kinds of a lab's processes, and how their command lines begin or what is in them. */
const kinds: readonly (readonly [kind: string, is: RegExp])[] = [
  ['control plane', /control-plane\.cjs/],
  ['node processes', /node\.cjs/],
  ['shims', /^pid$|v9s-shim/],
  ['helpers of nodes: ip and its kin', /shim\.pl/],
  ['lab', /supervisor\.cjs|dns\.cjs|^sh -c/],
];

/** `programs` is what pods run. */
export const kindOf = (command: string): string =>
  kinds.find(([, is]) => is.test(command))?.[0] ?? 'programs';

/** Number, and bytes of memory (PSS), of a lab's processes by their kind. */
export function memoryByKind(init: number): Map<string, { count: number; pss: number }> {
  const found = new Map<string, { count: number; pss: number }>();
  for (const { command, pss } of labMemory(init)) {
    const { count, pss: sum } = found.get(kindOf(command)) ?? { count: 0, pss: 0 };
    found.set(kindOf(command), { count: count + 1, pss: sum + pss });
  }
  return found;
}

/**
 * Seconds of CPU of a lab by kinds of processes. What a process waited for counts apart: of node processes that is
 * `ip` and its kin.
 */
export function cpuByKind(init: number): Map<string, number> {
  const found = new Map<string, number>();
  const add = (kind: string, seconds: number) => found.set(kind, (found.get(kind) ?? 0) + seconds);
  for (const { pid, command } of labMemory(init)) {
    const fields = statOf(pid);
    if (!fields) continue;
    const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11);
    const kind = kindOf(command);
    add(kind, Math.max((user + system) / ticks, onCpu(pid)));
    add(
      kind === 'node processes' ? 'commands that nodes start themselves' : kind,
      (childrenUser + childrenSystem) / ticks,
    );
  }
  return found;
}

/** USER_HZ of proc_pid_stat(5). */
const ticks = 100;

/** Seconds of a process's first thread, exact where those of stat are whole ticks: shims take less than one. */
function onCpu(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    // It has ended, or this kernel does not count that.
    return 0;
  }
}

/** Numbers behind the name; a process may be gone by the time it is asked. */
function statOf(pid: number): number[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat
      .slice(stat.lastIndexOf(') ') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return undefined; // It has ended.
  }
}

/** Names of the network namespaces of a lab's pods. */
export function netnsOf(init: number): string[] {
  return readdirSync(`/proc/${init}/root/run/netns`).filter((name) => name.startsWith('cni-'));
}

/**
 * How often the kernel had no room for another neighbour. The table is one for all network namespaces of a machine,
 * with `net.ipv4.neigh.default.gc_thresh3` entries, 1,024 unless somebody raised it: a pod that talks takes two.
 */
export function neighbourTableFull(): number {
  const [names = '', ...lines] = readFileSync('/proc/net/stat/arp_cache', 'utf8').trim().split('\n');
  const column = names.trim().split(/\s+/).indexOf('table_fulls');
  return lines.reduce((sum, line) => sum + Number.parseInt(line.trim().split(/\s+/)[column] ?? '0', 16), 0);
}
