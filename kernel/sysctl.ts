import type { Kernel, KernelFiles } from './run.ts';

/** Reads one kernel parameter (`net.ipv4.ip_forward`) of the command's own network namespace. */
export async function readSysctl(kernel: Kernel, name: string): Promise<string> {
  const { stdout } = await kernel.run('sysctl', ['-n', name]);
  return stdout.trim();
}

/** Reads kernel parameters in one go. Those that this kernel does not have are left out. */
export async function readSysctls(
  kernel: Kernel,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  if (names.length === 0) return {};
  const { files } = kernel;
  if (files) return Object.fromEntries(names.flatMap((name) => readFrom(files, name)));
  const { stdout } = await kernel.run('sysctl', ['-e', ...names]);
  const lines = stdout.split('\n').map((line) => /^(\S+) = ?(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : [])));
}

/**
 * Sets kernel parameters in one go, then reads them back: `sysctl` ends well even where the kernel
 * refused a value. Rejects with what differs.
 */
export async function writeSysctls(
  kernel: Kernel,
  values: Readonly<Record<string, string | number>>,
): Promise<void> {
  const names = Object.keys(values);
  if (names.length === 0) return;
  const now = kernel.files ? writeTo(kernel.files, values) : await writeWith(kernel, values);
  const refused = names.filter((name) => now[name] && now[name] !== String(values[name]));
  if (refused.length > 0)
    throw new Error(
      `sysctl: the kernel kept its value of ${refused.map((name) => `${name} (wanted ${values[name]})`).join(', ')}`,
    );
}

/** Like {@link writeSysctls}, for those of the parameters that this kernel has and that have another value. */
export async function ensureSysctls(
  kernel: Kernel,
  values: Readonly<Record<string, string | number>>,
): Promise<void> {
  const now = await readSysctls(kernel, Object.keys(values));
  const different = Object.entries(values).filter(
    ([name, value]) => now[name] !== undefined && now[name] !== String(value),
  );
  await writeSysctls(kernel, Object.fromEntries(different));
}

type Values = Readonly<Record<string, string | number>>;

/** What the parameters are afterwards. */
async function writeWith(kernel: Kernel, values: Values): Promise<Record<string, string>> {
  const names = Object.keys(values);
  await kernel.run('sysctl', ['-q', '-w', ...names.map((name) => `${name}=${values[name]}`)]);
  const now = (await kernel.run('sysctl', ['-n', ...names])).stdout.trim().split('\n');
  return Object.fromEntries(names.map((name, i) => [name, now[i]?.trim() ?? '']));
}

function writeTo(files: KernelFiles, values: Values): Record<string, string> {
  for (const [name, value] of Object.entries(values)) {
    try {
      files.write(fileOf(name), String(value));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') throw new Error(`sysctl: this kernel has no ${name}`, { cause: error });
      // Refused: the value that is read back tells, with those of the others.
    }
  }
  return Object.fromEntries(Object.keys(values).flatMap((name) => readFrom(files, name)));
}

function readFrom(files: KernelFiles, name: string): [string, string][] {
  try {
    const value = files.read(fileOf(name));
    return value === undefined ? [] : [[name, value.trim()]];
  } catch (error) {
    // Those that may only be written, such as net.ipv4.route.flush, have no value to tell.
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** As `sysctl` maps them: a dot is a slash, and a slash stands for a dot inside a name (`eth0/5`). */
const fileOf = (name: string) =>
  `/proc/sys/${name.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'))}`;
