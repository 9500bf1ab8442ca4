import { CommandError, type Kernel } from './run.ts';

/** `ipset restore` refused a line; those before it have been carried out. */
export class IpsetError extends Error {
  readonly line: string | undefined;
  override readonly cause: CommandError;

  constructor(error: CommandError, input: string) {
    const number = /Error in line (\d+)/.exec(error.stderr)?.[1];
    const line = number === undefined ? undefined : input.split('\n')[Number(number) - 1];
    super(line ? `${error.message}; line ${number} is: ${line}` : error.message);
    this.name = 'IpsetError';
    this.line = line;
    this.cause = error;
  }
}

/**
 * Carries out `create`, `add`, `del` and `destroy` lines. What is there already, or gone already, is no
 * error. Rejects with {@link IpsetError}.
 */
export async function ipsetRestore(kernel: Kernel, input: string): Promise<void> {
  try {
    await kernel.run('ipset', ['restore', '-exist'], { input, wholeLines: true });
  } catch (error) {
    throw error instanceof CommandError && error.exitCode !== undefined
      ? new IpsetError(error, input)
      : error;
  }
}
