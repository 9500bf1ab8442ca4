import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { availableParallelism, constants } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { commandScript, type GuestOptions, type GuestResult, tail } from './command.ts';
import { ensureQemu, type QemuKernel } from './qemu-packages.ts';
import { until } from './until.ts';

/** They stay files: the guest's shell and perl read them. */
const folder = join(packageRoot, 'lab/guest');

/** More bring little: each is a thread of the emulator. */
const processors = Math.min(4, availableParallelism());

/**
 * As `runInGuest`, in Debian's own kernel under QEMU: it has nf_tables besides, starts in ten seconds instead of two,
 * and computes ten times slower.
 */
export async function runInQemu(
  command: readonly string[],
  {
    cwd = process.cwd(),
    env = process.env,
    memory = '2G',
    output = 'inherit',
    onOutput,
    signal,
  }: GuestOptions = {},
): Promise<GuestResult> {
  signal?.throwIfAborted();
  const qemu = await ensureQemu();
  const base = join(cacheFolder(), 'guest', 'run');
  await mkdir(base, { recursive: true });
  const run = await mkdtemp(join(base, `${process.pid}-`));
  const interactive = output === 'inherit' && process.stdin.isTTY && process.stdout.isTTY;
  const end = `\0${randomBytes(12).toString('hex')}\n`;
  try {
    await writeFile(join(run, 'command'), commandScript(command, cwd, env));
    await writeFile(join(run, 'modules'), `${join(qemu.modules, qemu.release)}\n`);
    await writeFile(join(run, 'end'), end);
    const { columns = 80, rows = 24 } = process.stdout;
    if (interactive) await writeFile(join(run, 'interactive'), `rows ${rows} cols ${columns}`);
    const child = spawn(qemu.program, qemuArguments(qemu, { run, memory, interactive }), {
      stdio: [interactive ? 'inherit' : 'ignore', interactive ? 'inherit' : 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...qemu.env },
    });
    const ending = await whileRunning(child, { end, output, onOutput, signal });
    const status = await readFile(join(run, 'status'), 'utf8').catch(() => undefined);
    signal?.throwIfAborted();
    if (!status) {
      const log = await readFile(join(run, 'kernel.log'), 'utf8').catch(() => '');
      throw new Error(
        `the guest kernel ended before its command (${ending.how}):\n${tail(log)}\n${tail(ending.said)}`.trim(),
      );
    }
    return { exitCode: Number(status), stdout: ending.stdout, stderr: ending.stderr };
  } finally {
    await rm(run, { recursive: true, force: true });
  }
}

function qemuArguments(
  qemu: QemuKernel,
  { run, memory, interactive }: { run: string; memory: string; interactive: boolean },
): string[] {
  const port = (name: string, descriptor: number) => [
    ...['-chardev', `socket,id=${name},fd=${descriptor}`],
    ...['-device', `virtserialport,chardev=${name},name=${name}`],
  ];
  const console = ['-chardev', 'stdio,id=console,signal=off', '-device', 'virtconsole,chardev=console'];
  const kernel = [
    ...[`console=${qemu.serial}`, 'quiet', 'panic=-1', 'mitigations=off', 'nokaslr'],
    ...[`v9s.init=${join(folder, 'qemu-init.sh')}`, `v9s.run=${run}`],
  ];
  return [
    ...qemu.machine,
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', String(processors), '-m', memory],
    ...['-kernel', qemu.kernel, '-initrd', qemu.initramfs, '-append', kernel.join(' ')],
    ...['-virtfs', 'local,path=/,mount_tag=root,security_model=none,multidevs=remap'],
    ...['-chardev', `file,id=log,path=${join(run, 'kernel.log')}`, '-serial', 'chardev:log'],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...(interactive ? console : []),
    ...port('out', 3),
    ...port('err', 4),
  ];
}

interface Running {
  readonly end: string;
  readonly output: 'inherit' | 'capture';
  readonly onOutput: ((chunk: Buffer) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Until both outputs have ended, or QEMU has. */
async function whileRunning(
  child: ChildProcess,
  { end, output, onOutput, signal }: Running,
): Promise<{ how: string; said: string; stdout: string; stderr: string }> {
  const kill = (name: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) child.kill(name);
  };
  // It gives a terminal back as it was.
  let open = 2;
  const ended = () => {
    if (--open === 0) kill('SIGTERM');
  };
  const read = (descriptor: 3 | 4, to: NodeJS.WriteStream, seen?: (chunk: Buffer) => void) => {
    const chunks: Buffer[] = [];
    const port = child.stdio[descriptor];
    if (!(port instanceof Socket)) throw new Error(`QEMU was started without descriptor ${descriptor}`);
    const text = port.pipe(until(end, ended));
    text.on('data', (chunk: Buffer) => {
      if (output === 'capture') chunks.push(chunk);
      else to.write(chunk);
      seen?.(chunk);
    });
    return () => Buffer.concat(chunks).toString();
  };
  const stdout = read(3, process.stdout, onOutput);
  const stderr = read(4, process.stderr);
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  const abort = () => kill('SIGKILL');
  const passOn = (name: NodeJS.Signals) => {
    kill('SIGTERM');
    process.exitCode = 128 + constants.signals[name];
  };
  signal?.addEventListener('abort', abort, { once: true });
  process.once('exit', abort);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, passOn);
  try {
    const how = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, name) => resolve(name ?? `exit code ${code}`));
    });
    return { how, said: Buffer.concat(said).toString(), stdout: stdout(), stderr: stderr() };
  } finally {
    signal?.removeEventListener('abort', abort);
    process.off('exit', abort);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, passOn);
  }
}
