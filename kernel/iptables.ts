import { CommandError, type Kernel } from './run.ts';

/** Which of the two tool sets: `iptables…` or `ip6tables…`. */
export type IptablesFamily = 'IPv4' | 'IPv6';

/** `iptables-restore` refused a batch; `line` is the first line it did not like, where it said so. */
export class RestoreError extends Error {
  readonly line: string | undefined;
  /** The batch was too big for one message to the kernel; nothing of the failed commit was applied. */
  readonly tooLong: boolean;
  override readonly cause: CommandError;

  constructor(error: CommandError, input: string) {
    const number = /line:? (\d+)/i.exec(error.stderr)?.[1];
    const line = number === undefined ? undefined : input.split('\n')[Number(number) - 1];
    super(line ? `${error.message.trim()}; line ${number} is: ${line}` : error.message);
    this.name = 'RestoreError';
    this.line = line;
    this.tooLong = /Message too long/.test(error.stderr);
    this.cause = error;
  }
}

const tool = (family: IptablesFamily, end: string) => `${family === 'IPv4' ? 'iptables' : 'ip6tables'}${end}`;

/** The tables that a Service proxy writes to. */
const proxyTables = ['mangle', 'filter', 'nat'];

/** The rules of a family as `iptables-save` prints them; other tables may be missing. Reading needs no lock. */
export async function iptablesSave(kernel: Kernel, family: IptablesFamily): Promise<string> {
  try {
    return (await kernel.run(tool(family, '-save'), [])).stdout;
  } catch (error) {
    // The legacy tools learn the tables' names from a file of /proc that only real root may read.
    if (!(error instanceof CommandError && /Failed to list table names/.test(error.stderr))) throw error;
  }
  const outputs: string[] = [];
  for (const table of proxyTables)
    outputs.push((await kernel.run(tool(family, '-save'), ['-t', table])).stdout);
  return outputs.join('');
}

/**
 * Applies a batch without flushing what it does not name; each table's part is one commit. Waits for
 * the xtables lock at most five seconds, as kube-proxy does. Throws {@link RestoreError}.
 */
export async function iptablesRestore(kernel: Kernel, family: IptablesFamily, input: string): Promise<void> {
  try {
    await kernel.run(tool(family, '-restore'), ['--noflush', '--wait', '5'], { input });
  } catch (error) {
    throw error instanceof CommandError && error.exitCode !== undefined
      ? new RestoreError(error, input)
      : error;
  }
}

/** Whether a chain exists in a table. */
export async function chainExists(
  kernel: Kernel,
  family: IptablesFamily,
  table: string,
  chain: string,
): Promise<boolean> {
  try {
    await kernel.run(tool(family, ''), ['-w', '5', '-t', table, '-S', chain, '1']);
    return true;
  } catch (error) {
    // Both tool sets exit with 1 for a chain that is not there; anything else is a failure to look.
    if (error instanceof CommandError && error.exitCode === 1) return false;
    throw error;
  }
}

/** Whether these tools write to nf_tables; the legacy ones, and those before 1.8, do not. */
export async function writesToNftables(kernel: Kernel, family: IptablesFamily): Promise<boolean> {
  return (await kernel.run(tool(family, '-restore'), ['--version'])).stdout.includes('(nf_tables)');
}
