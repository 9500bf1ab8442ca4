import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { aptDownload, GuestUnavailable, moveInto } from './apt.ts';

export { GuestUnavailable } from './apt.ts';

/** A kernel that runs as a plain process: User-mode Linux, and the folder that holds its modules by release. */
export interface GuestKernel {
  readonly program: string;
  readonly modules: string;
}

const run = promisify(execFile);
const packageName = 'user-mode-linux';

/**
 * The kernel of Debian's package `user-mode-linux`, unpacked into the user's cache folder; nothing is
 * installed. The first time it is downloaded (41 MB), later nothing is looked for on the network.
 *
 * @throws {GuestUnavailable} that says what to install
 */
export async function ensureGuestKernel(): Promise<GuestKernel> {
  const folder = join(cacheFolder(), 'guest');
  await mkdir(folder, { recursive: true });
  const known = (await readdir(folder)).find((name) => name.startsWith(`${packageName}_`));
  const unpacked = join(folder, known ?? (await download(folder)));
  return {
    program: await fittedProgram(unpacked),
    modules: join(unpacked, 'usr/lib/uml/modules'),
  };
}

async function download(folder: string): Promise<string> {
  if (process.arch !== 'x64')
    throw new GuestUnavailable(
      `no guest kernel: User-mode Linux runs on x86-64 only, this is ${process.arch}; QEMU does: npm run guest -- --qemu`,
    );
  const work = await mkdtemp(join(folder, 'download-'));
  try {
    await aptDownload(work, [packageName]);
    const deb = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (!deb) throw new GuestUnavailable(`apt-get downloaded no package ${packageName}`);
    const name = deb.replace(/\.deb$/, '');
    await run('dpkg-deb', ['-x', join(work, deb), join(work, 'unpacked')]);
    await moveInto(join(folder, name), join(work, 'unpacked'));
    return name;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * User-mode Linux 6.1 gives processes back their FPU registers by ptrace(2) in a buffer of 2,696 bytes. A
 * processor with AMX has more state, and its kernel refuses the call then. The buffer's own header says
 * that the rest is unused, so it is enough to state the length that this processor wants: a copy of the
 * program with that one number changed.
 */
async function fittedProgram(unpacked: string): Promise<string> {
  const original = join(unpacked, 'usr/bin/linux.uml');
  const size = await fpuStateSize();
  if (size <= assumedFpuState) return original;
  const fitted = join(unpacked, `linux.uml-${size}`);
  const program = await readFile(fitted).catch(() => undefined);
  if (program) return fitted;
  const bytes = await readFile(original);
  const at = bytes.indexOf(setRegisters);
  if (at < 0)
    throw new GuestUnavailable(
      `this processor's FPU state (${size} bytes) is too large for ${original}, which has no known place to change`,
    );
  bytes.writeUInt32LE(size, at + 4);
  const temporary = `${fitted}.${process.pid}`;
  await writeFile(temporary, bytes);
  await chmod(temporary, 0o755);
  await rename(temporary, fitted);
  return fitted;
}

const assumedFpuState = 0xa88;
/** `movq $0xa88,-0x8(%rbp); mov $PTRACE_SETREGSET,%edi` */
const setRegisters = Buffer.from('48c745f8880a0000bf05420000', 'hex');

/** Bytes of NT_X86_XSTATE, by asking for a child's. */
async function fpuStateSize(): Promise<number> {
  const script = `
    my $child = fork // die; if (!$child) { syscall(101, 0, 0, 0, 0); kill 'STOP', $$; exit }
    waitpid $child, 0;
    my $buffer = "\\0" x 65536;
    my $iovec = pack('QQ', unpack('Q', pack('P', $buffer)), length $buffer);
    syscall(101, 0x4204, $child, 0x202, $iovec) == 0 or die "ptrace: $!\\n";
    print +(unpack 'QQ', $iovec)[1]; kill 'KILL', $child; waitpid $child, 0;`;
  const { stdout } = await run('perl', ['-e', script]).catch((error: Error) => {
    throw new GuestUnavailable(`no guest kernel: processes cannot be traced here (${error.message.trim()})`);
  });
  return Number(stdout);
}
