import type { Kernel } from './run.ts';

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
  await kernel.run('sysctl', ['-q', '-w', ...names.map((name) => `${name}=${values[name]}`)]);
  const { stdout } = await kernel.run('sysctl', ['-n', ...names]);
  const now = stdout.trim().split('\n');
  const refused = names.filter((name, i) => stdout !== '' && now[i]?.trim() !== String(values[name]));
  if (refused.length > 0)
    throw new Error(
      `sysctl: the kernel kept its value of ${refused.map((name) => `${name} (wanted ${values[name]})`).join(', ')}`,
    );
}
