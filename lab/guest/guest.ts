import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { commandScript, type GuestOptions, type GuestResult, tail } from './command.ts';
import { ensureGuestKernel } from './packages.ts';

export { GuestUnavailable } from './apt.ts';
export type { GuestOptions, GuestResult } from './command.ts';

/** They stay files: the guest's shell and perl read them. */
const folder = join(packageRoot, 'lab/guest');

/**
 * Runs a command to its end in a kernel of its own that sees this machine's files. It is root there,
 * with its own network and processes, and files are read and written with our rights.
 *
 * Rejects with `GuestUnavailable` where there is no such kernel, and with what the kernel said when it
 * ended before the command did. A signal that ends this process ends the guest: 130 for SIGINT.
 */
export async function runInGuest(
  command: readonly string[],
  {
    cwd = process.cwd(),
    env = process.env,
    memory = '1G',
    output = 'inherit',
    onOutput,
    hub,
    signal,
  }: GuestOptions = {},
): Promise<GuestResult> {
  signal?.throwIfAborted();
  const { program, modules } = await ensureGuestKernel();
  const base = join(cacheFolder(), 'guest', 'run');
  await mkdir(base, { recursive: true });
  const run = await mkdtemp(join(base, `${process.pid}-`));
  const interactive = output === 'inherit' && process.stdin.isTTY && process.stdout.isTTY;
  try {
    await writeFile(join(run, 'command'), commandScript(command, cwd, env));
    if (interactive) await writeFile(join(run, 'interactive'), '');
    const kernel = [
      ...['rootfstype=hostfs', 'rootflags=/', 'rw', 'quiet', `mem=${memory}`, `uml_dir=${run}`],
      // The guest's console and its ttyS0 are our output and error; what the kernel says goes elsewhere.
      ...['con=null', 'con0=fd:3,fd:4', 'ssl=null', 'ssl0=null,fd:5', 'ssl1=null,fd:1', 'console=ttyS1'],
      ...(hub === undefined ? [] : [`vec0:transport=bess,dst=${hub}`]),
      ...['init=/bin/sh', '--', join(folder, 'init.sh'), run, modules],
    ];
    const ending = await spawnKernel(program, kernel, { run, memory, output, onOutput, interactive, signal });
    const status = await readFile(join(run, 'status'), 'utf8').catch(() => undefined);
    signal?.throwIfAborted();
    if (status === undefined && ending.interrupted !== undefined)
      return { exitCode: 128 + ending.interrupted, stdout: ending.stdout, stderr: ending.stderr };
    if (status === undefined)
      throw new Error(
        `the guest kernel ended before its command (${ending.how}):\n${tail(ending.kernelLog)}`,
      );
    return { exitCode: Number(status), stdout: ending.stdout, stderr: ending.stderr };
  } finally {
    await rm(run, { recursive: true, force: true });
  }
}

interface SpawnOptions {
  run: string;
  memory: string;
  output: 'inherit' | 'capture';
  onOutput: ((chunk: Buffer) => void) | undefined;
  interactive: boolean;
  signal: AbortSignal | undefined;
}

async function spawnKernel(
  program: string,
  args: readonly string[],
  { run, memory, output, onOutput, interactive, signal }: SpawnOptions,
): Promise<{ how: string; interrupted?: number; stdout: string; stderr: string; kernelLog: string }> {
  const [out, err] = output === 'capture' ? (['pipe', 'pipe'] as const) : ([1, 2] as const);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', interactive ? 0 : 'ignore', out, err],
    // It starts a host process for each of its own: a group ends them all.
    detached: !interactive,
    env: { PATH: process.env.PATH, ...((await fitsSharedMemory(memory)) ? {} : { TMPDIR: run }) },
  });
  const collected = [1, 2, 4, 5].map((descriptor) => {
    const chunks: Buffer[] = [];
    const stream = child.stdio[descriptor];
    if (stream && 'on' in stream) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  });
  if (onOutput) child.stdio[4]?.on('data', onOutput);
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(interactive ? child.pid : -child.pid, 'SIGKILL');
  };
  let interrupted: number | undefined;
  const passOn = (name: NodeJS.Signals) => {
    kill();
    interrupted = constants.signals[name];
    process.exitCode = 128 + interrupted;
  };
  /** Somebody else may have an answer to the signal that leaves no time for more. */
  const leave = () => {
    kill();
    rmSync(run, { recursive: true, force: true });
  };
  signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', leave);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, passOn);
  try {
    const how = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, name) => resolve(name ?? `exit code ${code}`));
    });
    const [log1, log2, stdout, stderr] = collected.map((text) => text());
    return {
      how,
      ...(interrupted === undefined ? {} : { interrupted }),
      stdout: stdout ?? '',
      stderr: stderr ?? '',
      kernelLog: `${log1}${log2}`,
    };
  } finally {
    signal?.removeEventListener('abort', kill);
    process.off('exit', leave);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, passOn);
  }
}

/** The guest's memory is a file; the kernel puts it into /dev/shm, which containers make small. */
async function fitsSharedMemory(memory: string): Promise<boolean> {
  const [, number = '', unit = ''] = /^(\d+)([KMG]?)$/i.exec(memory) ?? [];
  const bytes = Number(number) * 1024 ** ' KMG'.indexOf(unit.toUpperCase() || ' ');
  const space = await statfs('/dev/shm').catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize > bytes;
}
