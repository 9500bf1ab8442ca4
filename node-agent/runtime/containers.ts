import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { machine } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ContainerSpec, containerPlan, type HostLayout, planText } from './container-plan.ts';
import { findGuard } from './guard.ts';
import { attemptDir, logFile, terminationLog } from './paths.ts';
import type { Starter } from './starter.ts';

/** What the node-agent wrote down before it started a container; enough to adopt it later. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** As the pod spells it. */
  image: string;
  imageID: string;
  /** Counts from 0; equals the restart count. */
  attempt: number;
}

/** How a container stands, from the files its shim keeps and the process table. */
export type ContainerCondition =
  | { phase: 'created' }
  | { phase: 'running'; pid: number; startedAt: string }
  | { phase: 'exited'; exitCode: number; signal: number; startedAt: string; finishedAt: string };

/** Looks up how this machine makes `/bin`, `/lib` and their kin. */
export function hostLayout(): HostLayout {
  const name = machine();
  if (name !== 'x86_64' && name !== 'aarch64')
    throw new Error(`machine ${name}: containers need x86_64 or aarch64`);
  const links: Record<string, string | undefined> = {};
  for (const entry of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const found = lstatSync(`/${entry}`, { throwIfNoEntry: false });
    if (found) links[entry] = found.isSymbolicLink() ? readlinkSync(`/${entry}`) : undefined;
  }
  return { machine: name, links, guard: findGuard() };
}

/**
 * Starts a container and resolves once its program runs. The shim stays with it and belongs to
 * nobody: it goes on when this process ends.
 *
 * @throws {ContainerStartError} when a step of the plan failed, such as a program that does not exist
 */
export async function startContainer(
  start: Starter,
  spec: ContainerSpec,
  record: ContainerRecord,
  host: HostLayout,
): Promise<void> {
  mkdirSync(spec.dir, { recursive: true });
  writeAtomically(join(spec.dir, 'container.json'), JSON.stringify(record));
  writeFileSync(join(spec.dir, terminationLog), '');
  // The program may be another user's.
  chmodSync(join(spec.dir, terminationLog), 0o666);
  writeFileSync(join(spec.dir, 'plan'), planText(containerPlan(spec, host)));
  await start(join(spec.dir, 'plan'));
}

/** Attempts of all containers below a pod's `containers` folder, oldest first. */
export function readRecords(containersDir: string): { dir: string; record: ContainerRecord }[] {
  return subfolders(containersDir)
    .flatMap((name) =>
      subfolders(join(containersDir, name)).map((attempt) => join(containersDir, name, attempt)),
    )
    .flatMap((dir) => {
      const text = readIfThere(join(dir, 'container.json'));
      return text ? [{ dir, record: JSON.parse(text) as ContainerRecord }] : [];
    })
    .sort((a, b) => a.record.attempt - b.record.attempt);
}

/** Removes all that an attempt has left: its folder and its logs. */
export function removeAttempt(pod: string, container: string, attempt: number): void {
  if (attempt < 0) return;
  const log = logFile(pod, container, attempt);
  rmSync(attemptDir(pod, container, attempt), { recursive: true, force: true });
  for (const name of readdirSync(dirname(log))) {
    if (name.startsWith(basename(log))) rmSync(join(dirname(log), name));
  }
}

/** Looks at one attempt now. */
export function inspectContainer(dir: string): ContainerCondition {
  const pids = readIfThere(join(dir, 'pid'));
  if (!pids) return { phase: 'created' };
  const startedAt = lstatSync(join(dir, 'pid')).mtime.toISOString();
  const exited = () => {
    const exit = readIfThere(join(dir, 'exit'));
    if (!exit) return undefined;
    const [code, signal, time = ''] = exit.trim().split(' ');
    return {
      phase: 'exited' as const,
      exitCode: Number(code),
      signal: Number(signal),
      startedAt,
      finishedAt: time,
    };
  };
  const ended = exited();
  if (ended) return ended;
  const [program, guardian] = pids.split('\n').map(parseProcess);
  if (program && guardian && isAlive(guardian)) return { phase: 'running', pid: program.pid, startedAt };
  // The shim may have written its last word between the two looks.
  const late = exited();
  if (late) return late;
  // It was killed, and the kernel took the program with it. Nobody saw how that ended.
  const lost = {
    phase: 'exited' as const,
    exitCode: 137,
    signal: 9,
    startedAt,
    finishedAt: new Date().toISOString(),
  };
  writeAtomically(join(dir, 'exit'), `137 9 ${lost.finishedAt}\n`);
  return lost;
}

/** Sends a signal to a container's first process; false when it has ended already. */
export function signalContainer(dir: string, signal: NodeJS.Signals): boolean {
  const program = parseProcess(readIfThere(join(dir, 'pid'))?.split('\n')[0] ?? '');
  if (!program || !isAlive(program)) return false;
  try {
    process.kill(program.pid, signal);
    return true;
  } catch (error) {
    // It has ended since.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

interface ProcessIdentity {
  pid: number;
  /** Field 22 of `/proc/PID/stat`: together with the PID it never names another process. */
  startTime: string;
}

function parseProcess(line: string): ProcessIdentity | undefined {
  const [pid, startTime] = line.split(' ');
  return pid && startTime ? { pid: Number(pid), startTime } : undefined;
}

function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return fields?.[19] === startTime && fields[0] !== 'Z';
}

export function writeAtomically(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function subfolders(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
