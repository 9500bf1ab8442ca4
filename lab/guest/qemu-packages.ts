import { execFile } from 'node:child_process';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { aptClosure, aptDependency, aptDownload, GuestUnavailable, moveInto } from './apt.ts';
import { initramfs } from './initramfs.ts';

/** An emulator, and Debian's own kernel for it. */
export interface QemuKernel {
  readonly program: string;
  /** Which machine, and where its firmware lies. */
  readonly machine: readonly string[];
  /** What the program needs around it. */
  readonly env: Readonly<Record<string, string>>;
  /** The serial line that this architecture's kernel calls its console. */
  readonly serial: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** Holds the modules by release. */
  readonly modules: string;
  /** As in `6.1.0-56-amd64`. */
  readonly release: string;
}

const run = promisify(execFile);

interface Machine {
  readonly qemu: string;
  readonly program: string;
  readonly kernel: string;
  readonly options: readonly string[];
  readonly serial: string;
  readonly libraries: string;
}

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    qemu: 'qemu-system-x86',
    program: 'qemu-system-x86_64',
    kernel: 'linux-image-amd64',
    options: ['-machine', 'q35'],
    serial: 'ttyS0',
    libraries: 'x86_64-linux-gnu',
  },
  arm64: {
    qemu: 'qemu-system-arm',
    program: 'qemu-system-aarch64',
    kernel: 'linux-image-arm64',
    options: ['-machine', 'virt'],
    serial: 'ttyAMA0',
    libraries: 'aarch64-linux-gnu',
  },
};

/**
 * QEMU and Debian's kernel, unpacked into the user's cache folder; nothing is installed. The first time they are
 * downloaded (93 MB), later nothing is looked for on the network. An installed QEMU is taken as it is.
 *
 * @throws {GuestUnavailable} that says what to run
 */
export async function ensureQemu(): Promise<QemuKernel> {
  const machine = machineHere();
  const folder = join(cacheFolder(), 'guest');
  await mkdir(folder, { recursive: true });
  const known = (await readdir(folder)).find((name) => name.startsWith(prefix));
  return described(join(folder, known ?? (await download(folder, machine))), machine);
}

/** Whether {@link ensureQemu} finds everything here already. */
export async function haveQemu(): Promise<boolean> {
  const names = await readdir(join(cacheFolder(), 'guest')).catch(() => []);
  return process.arch in machines && names.some((name) => name.startsWith(prefix));
}

/** Before the release of the kernel. A change of what is unpacked wants another one. */
const prefix = 'qemu-1-';

function machineHere(): Machine {
  const machine = machines[process.arch];
  if (machine) return machine;
  throw new GuestUnavailable(
    `no guest kernel: QEMU is set up on ${Object.keys(machines).join(' and ')} only, this is ${process.arch}`,
  );
}

async function described(root: string, machine: Machine): Promise<QemuKernel> {
  const [release = ''] = await readdir(join(root, 'lib/modules'));
  const own = join(root, 'usr/bin', machine.program);
  const unpacked = await exists(own);
  const libraries = join(root, 'usr/lib', machine.libraries);
  const firmware = ['usr/share/qemu', 'usr/share/seabios'].flatMap((path) => ['-L', join(root, path)]);
  return {
    program: unpacked ? own : machine.program,
    machine: [...machine.options, ...(unpacked ? firmware : [])],
    env: unpacked
      ? {
          LD_LIBRARY_PATH: [libraries, join(root, 'lib', machine.libraries)].join(delimiter),
          QEMU_MODULE_DIR: join(libraries, 'qemu'),
        }
      : {},
    serial: machine.serial,
    kernel: join(root, 'boot', `vmlinuz-${release}`),
    initramfs: join(root, 'initramfs'),
    modules: join(root, 'lib/modules'),
    release,
  };
}

async function download(folder: string, machine: Machine): Promise<string> {
  const work = await mkdtemp(join(folder, 'download-'));
  const root = join(work, 'unpacked');
  try {
    const kernel = await aptDependency(machine.kernel, /^linux-image-\d/);
    const qemu = (await installed(machine.program)) ? [] : await aptClosure(machine.qemu);
    // Another C library than the one that started the program cannot be loaded into it.
    const packages = [kernel, 'busybox-static', ...qemu.filter((name) => name !== 'libc6')];
    await aptDownload(work, packages);
    for (const deb of (await readdir(work)).filter((name) => name.endsWith('.deb')))
      await run('dpkg-deb', ['-x', join(work, deb), root]);
    const release = kernel.replace('linux-image-', '');
    await prepareModules(root, release);
    await writeFile(join(root, 'initramfs'), await initramfs(root, release));
    await moveInto(join(folder, `${prefix}${release}`), root);
    return `${prefix}${release}`;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Leaves out drivers of hardware that the guest has not: four fifths of the modules. Writes modules.dep. */
async function prepareModules(root: string, release: string): Promise<void> {
  const busybox = join(root, 'usr/bin/busybox');
  if (!(await exists(busybox))) await copyFile(join(root, 'bin/busybox'), busybox);
  await chmod(busybox, 0o755);
  const kernel = join(root, 'lib/modules', release, 'kernel');
  if (!(await exists(kernel))) await rename(join(root, 'usr/lib/modules'), join(root, 'lib/modules'));
  const unneeded = (await readdir(join(kernel, 'drivers'))).filter((name) => !drivers.has(name));
  const hardware = ['ethernet', 'wireless', 'usb', 'phy', 'dsa', 'can', 'wwan'].map((name) => `net/${name}`);
  for (const name of [...unneeded, ...hardware])
    await rm(join(kernel, 'drivers', name), { recursive: true, force: true });
  await rm(join(kernel, 'sound'), { recursive: true, force: true });
  await run('sh', ['-c', 'find "$1" -name "*.ko.xz" -exec xz -d {} +', 'sh', kernel]);
  await run(busybox, ['depmod', '-b', root, release]);
}

const drivers = new Set(['net', 'virtio', 'char', 'block']);

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function installed(program: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return (await Promise.all(folders.map((folder) => exists(join(folder, program))))).includes(true);
}
