import type { Kernel } from './run.ts';
import { SessionEnd } from './session.ts';
import { createStandingSession, idleTime } from './standing-session.ts';

/** A program that carries out a line at a time, and speaks only of those it refuses. */
export interface LineToolOptions {
  /** As for `sh`: `ipvsadm --restore`. */
  readonly command: string;
  /** A line that changes nothing and that the program always answers: by then it is done with all before it. */
  readonly question: string;
  readonly answer: RegExp;
  /** Printed before lines, and no part of what is said. */
  readonly prompt?: string;
}

/** Takes batches of lines, one after the other, to one program that stays. Calls must not overlap. */
export interface LineTool {
  /**
   * Resolves to what the program said, nothing where it took all. Undefined when it saw none of the lines: the
   * first batch after a quiet while and large ones are worth a process of their own, and some machines cannot
   * have one that stays. Rejects with {@link SessionEnd} when it ended meanwhile.
   */
  tell(input: string): Promise<readonly string[] | undefined>;
  /** The same for lines that are answered. */
  ask(input: string): Promise<readonly string[] | undefined>;
  /** Ends the program that stays; the next batch has a process of its own. */
  forget(): void;
}

/** Batches above this size are worth a process of their own, whose memory goes with it. */
const largestForSession = 64 * 1024;

/** Milliseconds that a batch may take. */
const longestBatch = 10_000;

export function createLineTool(kernel: Kernel, options: LineToolOptions): LineTool {
  const { command, question, answer, prompt = '' } = options;
  let possible = kernel.open !== undefined;
  /** When the last batch came; the one after a failure gets a process of its own too, which tells best what is wrong. */
  let last = Number.NEGATIVE_INFINITY;
  // Both of its outputs into one, so that what it says stands before the answer.
  const session = createStandingSession(kernel, 'sh', ['-c', `exec ${command} 2>&1`], {
    longest: longestBatch,
  });

  async function ask(input: string): Promise<readonly string[] | undefined> {
    const now = performance.now();
    const isFirst = now - last > idleTime;
    last = now;
    if (isFirst || !possible || input.length > largestForSession) return undefined;
    try {
      const text = await session.send(`${input}${question}\n`, answer);
      const lines = text.replace(answer, '').split('\n');
      return lines.map((line) => line.replaceAll(prompt, '').trimEnd()).filter(Boolean);
    } catch (error) {
      last = Number.NEGATIVE_INFINITY;
      if (!(error instanceof SessionEnd)) throw error;
      if (error.exitCode !== 127) throw new SessionEnd(command, error.exitCode, error.stderr);
      // No stdbuf, or no such program: nobody saw the batch.
      possible = false;
      return undefined;
    }
  }

  function forget(): void {
    last = Number.NEGATIVE_INFINITY;
    session.close();
  }

  return {
    ask,
    forget,
    async tell(input) {
      const said = await ask(input);
      // What it refused may be right, and what it remembers of the kernel wrong.
      if (said && said.length > 0) forget();
      return said;
    },
  };
}
