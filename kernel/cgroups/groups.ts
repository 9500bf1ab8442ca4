import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Makes a group, and those above it, unless they are there. */
export function makeGroup(folder: string): void {
  mkdirSync(folder, { recursive: true });
}

/** Moves a process, with all its threads, into a group. */
export function move(folder: string, pid: number): void {
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
}

/** Whether a process is in a group or in one below it. */
export function isPopulated(folder: string): boolean {
  return processesIn(folder).length > 0 || subgroups(folder).some((name) => isPopulated(join(folder, name)));
}

/**
 * Removes a group and all below it, with the processes in them: with SIGKILL, at once where the kernel has `cgroup.kill` (Linux 5.14,
 * version 2). Does nothing where there is no such group.
 *
 * @throws `Error` when the kernel keeps it for longer than two seconds
 */
export async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return removeTree(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      if (tries > 200) throw new Error(`cgroup ${folder} is still in use`, { cause: error });
      killAll(folder);
    }
    // A process is in its group until it is gone for good.
    await delay(10);
  }
}

/** The same for a group without processes; false when it has some, or is not ours to remove. */
export function removeIfEmpty(folder: string): boolean {
  try {
    removeTree(folder);
    return true;
  } catch {
    return false; // In use, which is an answer.
  }
}

function removeTree(folder: string): void {
  for (const name of subgroups(folder)) removeTree(join(folder, name));
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function killAll(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1', { flag: 'r+' });
    return;
  } catch {
    // Version 1, an older kernel, or gone since: one by one.
  }
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  for (const name of subgroups(folder)) killAll(join(folder, name));
}

/** Ids as they are here; 0, which is left out, stands for processes of other PID namespaces. */
const processesIn = (folder: string) =>
  words(join(folder, 'cgroup.procs'))
    .map(Number)
    .filter((pid) => pid > 0);

function subgroups(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The words of a file; none when it is not there. */
export const words = (file: string): string[] => readIfThere(file)?.split(/\s+/).filter(Boolean) ?? [];

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENODEV: the group was removed after the file had been opened.
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ESRCH') return undefined;
    throw error;
  }
}
