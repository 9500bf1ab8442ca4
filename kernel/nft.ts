import { CommandError, type Kernel } from './run.ts';

/** nftables' names of the two address families. */
export type NftFamily = 'ip' | 'ip6';

/** `nft` refused a batch; nothing of it was applied. */
export class NftError extends Error {
  /** The line of the batch that was refused first, where nft said so. */
  readonly line: string | undefined;
  /** The batch was too big for one message to the kernel. */
  readonly tooLong: boolean;
  /** What was to be deleted is still in use. */
  readonly busy: boolean;
  override readonly cause: CommandError;

  constructor(error: CommandError, input: string) {
    const number = /stdin:(\d+):/.exec(error.stderr)?.[1];
    const line = number === undefined ? undefined : input.split('\n')[Number(number) - 1];
    const first = error.stderr.trim().split('\n')[0] ?? '';
    super(line ? `nft -f -: ${first}; line ${number} is: ${line}` : error.message);
    this.name = 'NftError';
    this.line = line;
    this.tooLong = /Message too long/.test(error.stderr);
    this.busy = /resource busy/.test(error.stderr);
    this.cause = error;
  }
}

/** Applies a batch as one transaction: all of it or, with an {@link NftError}, nothing. `check` only looks whether it could be. */
export async function nftApply(kernel: Kernel, input: string, { check = false } = {}): Promise<void> {
  try {
    await kernel.run('nft', [...(check ? ['-c'] : []), '-f', '-'], { input });
  } catch (error) {
    throw error instanceof CommandError && error.exitCode !== undefined ? new NftError(error, input) : error;
  }
}

/** One object of `nft -j list`: `{ chain: … }`, `{ rule: … }`, as libnftables-json(5) describes them. */
export type NftObject = Readonly<Record<string, unknown>>;

/** A table with all it holds, as JSON; undefined when there is no such table. */
export function nftListTable(
  kernel: Kernel,
  family: NftFamily,
  table: string,
): Promise<readonly NftObject[] | undefined> {
  return list(kernel, ['table', family, table]);
}

/** One map with its elements; undefined when there is none. */
export function nftListMap(
  kernel: Kernel,
  family: NftFamily,
  table: string,
  map: string,
): Promise<readonly NftObject[] | undefined> {
  return list(kernel, ['map', family, table, map]);
}

/** Whether a table exists. Reads the names of tables, nothing else. */
export async function nftTableExists(kernel: Kernel, family: NftFamily, table: string): Promise<boolean> {
  const { stdout } = await kernel.run('nft', ['list', 'tables', family]);
  return stdout.split('\n').includes(`table ${family} ${table}`);
}

async function list(kernel: Kernel, what: readonly string[]): Promise<readonly NftObject[] | undefined> {
  try {
    const { stdout } = await kernel.run('nft', ['-j', 'list', ...what]);
    return stdout === '' ? undefined : (JSON.parse(stdout) as { nftables: NftObject[] }).nftables;
  } catch (error) {
    if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) return undefined;
    throw error;
  }
}
