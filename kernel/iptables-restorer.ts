import { type IptablesFamily, iptablesRestore, RestoreError } from './iptables.ts';
import { CommandError, type Kernel } from './run.ts';
import { SessionEnd } from './session.ts';
import { createStandingSession } from './standing-session.ts';

/** Applies batches, one after the other. */
export interface Restorer {
  /** As `iptablesRestore`. Calls must not overlap. */
  restore(input: string): Promise<void>;
  /** Ends what may still run. */
  close(): void;
}

/** Batches above this size are worth a process of their own, whose memory goes with it. */
const largestForSession = 64 * 1024;

/** Milliseconds that a batch may take: longer than the wait for the lock. */
const longestBatch = 10_000;

const args = ['--noflush', '--wait', '5'];

/**
 * Applies the first batch, and large ones, with a process each; the others go to one `iptables-restore` that
 * stays. With the nft tools that is a hundred times faster where a batch deletes anything: the kernel lets a
 * grace period pass, some 10 ms, before a socket that has deleted rules can be closed. Where such a process
 * cannot be had, each batch gets its own.
 */
export function createRestorer(kernel: Kernel, family: IptablesFamily): Restorer {
  const file = family === 'IPv4' ? 'iptables-restore' : 'ip6tables-restore';
  let first = true;
  let possible = kernel.open !== undefined;
  /** What the process counts its line numbers from. */
  let linesBefore = 0;
  let batches = 0;
  const session = createStandingSession(kernel, file, [...args, '--verbose'], {
    longest: longestBatch,
    onStart: () => {
      linesBefore = 0;
    },
  });

  async function converse(input: string): Promise<void> {
    // Verbose, it prints every comment it reads, and reads this one when all before it is in force.
    const mark = `# batch ${++batches} done\n`;
    await session.send(input + mark, mark);
    linesBefore += input.split('\n').length;
  }

  return {
    close: session.close,
    async restore(input) {
      session.stay();
      const alone = first || !possible || input.length > largestForSession;
      first = false;
      if (alone) return iptablesRestore(kernel, family, input);
      try {
        await converse(input);
      } catch (error) {
        if (!(error instanceof SessionEnd)) throw error;
        // No stdbuf, or a restore that does not know an option: nothing of the batch was read.
        if (error.exitCode === 127 || /unrecognized|invalid option|unknown option/i.test(error.stderr)) {
          possible = false;
          return iptablesRestore(kernel, family, input);
        }
        const stderr = error.stderr.replace(
          /(line:? )(\d+)/gi,
          (_, word: string, number: string) => `${word}${Number(number) - linesBefore}`,
        );
        const failure = new CommandError({ file, args, input }, error.exitCode, stderr, error.message);
        throw error.exitCode === undefined ? failure : new RestoreError(failure, input);
      }
    },
  };
}
