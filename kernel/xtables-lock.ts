import { CommandError, type Kernel } from './run.ts';

/** The lock that the legacy iptables tools hold while they write. Those over nf_tables need none. */
export const xtablesLock = '/run/xtables.lock';

/**
 * Who holds {@link xtablesLock} while others wait for it, as `sleep (123)`. Undefined when nobody waits, or when the
 * holder is in a PID namespace that cannot be seen from here.
 */
export async function xtablesLockHolder(kernel: Kernel): Promise<string | undefined> {
  try {
    const { stdout } = await kernel.run('sh', ['-c', `stat -c %i ${xtablesLock} && cat /proc/locks`]);
    const holder = holderIn(stdout);
    if (holder === undefined) return undefined;
    const { stdout: name } = await kernel.run('cat', [`/proc/${holder}/comm`]);
    return `${name.trim()} (${holder})`;
  } catch (error) {
    // No such file, or the holder has ended meanwhile: then nobody waits any more.
    if (error instanceof CommandError && error.exitCode !== undefined) return undefined;
    throw error;
  }
}

/** From an inode and the lines of /proc/locks: whoever waits stands behind an arrow, below who holds. See proc(5). */
export function holderIn(text: string): number | undefined {
  const [inode = '', ...lines] = text.split('\n');
  const ours = lines
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.some((word) => word.endsWith(`:${inode}`)));
  if (!ours.some((words) => words[1] === '->')) return undefined;
  const holder = ours.find((words) => words[1] !== '->');
  return holder && Number(holder[4]);
}
