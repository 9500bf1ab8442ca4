import { readdirSync, readFileSync } from 'node:fs';

/** Memory of one process: its share of what it has in memory (PSS), in bytes, and its command. */
export interface ProcessMemory {
  pid: number;
  command: string;
  pss: number;
}

/**
 * Every process of a lab with its PSS, largest first; pods are in PID namespaces below the lab's, so the whole
 * tree under its PID 1 counts, and whatever was re-parented to it. Processes that end meanwhile are left out.
 */
export function labMemory(init: number): ProcessMemory[] {
  const children = new Map<number, number[]>();
  for (const pid of pids()) {
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: ProcessMemory[] = [];
  const queue = [init];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    queue.push(...(children.get(pid) ?? []));
    const pss = pssOf(pid);
    if (pss !== undefined) found.push({ pid, command: commandOf(pid), pss });
  }
  return found.sort((a, b) => b.pss - a.pss);
}

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** A process may be gone by the time it is asked; then it has no answer. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? undefined : Number(parent);
}

function pssOf(pid: number): number | undefined {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

function commandOf(pid: number): string {
  const words = (read(`/proc/${pid}/cmdline`) ?? '').split('\0').filter(Boolean);
  return words
    .map((word) => word.split('/').at(-1))
    .join(' ')
    .slice(0, 70);
}
