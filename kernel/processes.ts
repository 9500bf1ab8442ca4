import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Tells a process from a later one with the same id, also after the next boot. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, field 22 of proc_pid_stat(5). */
  startTime: number;
  bootId: string;
}

/** Undefined when there is no such process, or only its zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  // The command name is in parentheses and may hold anything, so count from the last one.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { pid, startTime: Number(fields[19]), bootId };
}

/** Whether the very process still runs. */
export function isRunning({ pid, startTime, bootId }: ProcessIdentity): boolean {
  const now = identifyProcess(pid);
  return now !== undefined && now.startTime === startTime && now.bootId === bootId;
}

/** The first child of a process. */
export function childOf(pid: number): number | undefined {
  const children = readProc(`/proc/${pid}/task/${pid}/children`);
  if (children !== undefined) return Number(children.trim().split(' ')[0]) || undefined;
  // Kernels without CONFIG_PROC_CHILDREN.
  return processes().find((candidate) => {
    const stat = readProc(`/proc/${candidate}/stat`);
    return Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
  });
}

/** For the processes of the PID namespace whose PID 1 is `init` here: their id there → their id here. */
export function pidsOfNamespace(init: number): Map<number, number> {
  const namespace = linkOf(`/proc/${init}/ns/pid`);
  const found = new Map<number, number>();
  for (const pid of namespace ? processes() : []) {
    const ids = /^NSpid:\s+(.*)$/m.exec(readProc(`/proc/${pid}/status`) ?? '')?.[1]?.split(/\s+/);
    if (ids?.[1] && linkOf(`/proc/${pid}/ns/pid`) === namespace) found.set(Number(ids.at(-1)), pid);
  }
  return found;
}

const processes = () =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // The process has ended, or is another user's.
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // As above.
  }
}
