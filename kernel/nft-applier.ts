import { nftApply } from './nft.ts';
import type { Kernel } from './run.ts';
import { SessionEnd } from './session.ts';
import { createStandingSession } from './standing-session.ts';

/** Applies batches, one after the other. */
export interface NftApplier {
  /** As `nftApply`. Calls must not overlap. */
  apply(input: string): Promise<void>;
  /** Ends what may still run. */
  close(): void;
}

/** Batches above this size are worth a process of their own, whose memory goes with it. */
const largestForSession = 32 * 1024;

/** Milliseconds that a batch may take. */
const longestBatch = 30_000;

/** One stream for both, so that errors stand before the mark; no home, or nft would keep a history there. */
const program = ['-c', 'HOME=/nonexistent exec nft -i 2>&1'] as const;

/** The answer to this needs no kernel, and comes when all before it is done. */
const question = 'describe ip saddr';
const mark = /payload expression, datatype ipv4_addr .*\n/;

/**
 * Applies the first batch, and large ones, with a process each; the others go to one interactive `nft` that
 * stays. That is many times faster where a batch deletes anything: the kernel lets a grace period pass, some
 * 10 ms, before a socket that has deleted something can be closed. Where such a process cannot be had, each
 * batch gets its own.
 */
export function createNftApplier(kernel: Kernel): NftApplier {
  let first = true;
  let possible = kernel.open !== undefined;
  const session = createStandingSession(kernel, 'sh', program, { longest: longestBatch });

  /** Whether the batch was taken. A refused one has changed nothing: a line is a transaction. */
  async function converse(line: string): Promise<boolean> {
    return !/^Error:/m.test(await session.send(`${line}\n${question}\n`, mark));
  }

  return {
    close: session.close,
    async apply(input) {
      session.stay();
      const line = first || !possible ? undefined : oneLine(input);
      first = false;
      if (line !== undefined) {
        try {
          if (await converse(line)) return;
        } catch (error) {
          // Only where the program could not be started it is sure that nothing was applied.
          if (!(error instanceof SessionEnd && error.exitCode === 127)) throw error;
          possible = false;
        }
        session.close();
      }
      // The refusal of a process of its own names the line.
      await nftApply(kernel, input);
    },
  };
}

/** Commands of a line each, as one line; undefined for a batch that cannot be had so. */
function oneLine(input: string): string | undefined {
  if (input.length > largestForSession) return undefined;
  const lines = input.split('\n').filter(Boolean);
  const simple = /^(add|create|delete|destroy|flush|insert|replace) .*[^{\\]$/;
  return lines.every((line) => simple.test(line)) ? lines.join('; ') : undefined;
}
