import type { Kernel } from './run.ts';
import type { Session } from './session.ts';

/** A program that is started when there is something to say, and ends when there was nothing for a while. */
export interface StandingSession {
  /** As {@link Session.send}; a program that takes too long is killed. Calls must not overlap. */
  send(text: string, mark: string | RegExp): Promise<string>;
  /** Lets the program wait until the next call, however long that takes to come. */
  stay(): void;
  /** Ends what may still run. */
  close(): void;
}

/** Milliseconds without a call after which the waiting program ends. */
export const idleTime = 10_000;

/** Nothing is started before the first call, nor where the kernel cannot: then a call throws. */
export function createStandingSession(
  kernel: Kernel,
  file: string,
  args: readonly string[],
  /** `longest`: milliseconds that a call may take. */
  { longest, onStart = () => undefined }: { longest: number; onStart?: () => void },
): StandingSession {
  let session: Session | undefined;
  let idle: NodeJS.Timeout | undefined;

  async function start(): Promise<Session> {
    if (!kernel.open) throw new Error(`${file}: this kernel opens no sessions`);
    onStart();
    return kernel.open(file, args);
  }

  function close(): void {
    clearTimeout(idle);
    session?.close();
    session = undefined;
  }

  return {
    close,
    stay: () => clearTimeout(idle),
    async send(text, mark) {
      clearTimeout(idle);
      if (session?.ended()) session = undefined;
      session ??= await start();
      const late = setTimeout(session.kill, longest);
      try {
        const answer = await session.send(text, mark);
        idle = setTimeout(close, idleTime).unref();
        return answer;
      } catch (error) {
        session = undefined;
        throw error;
      } finally {
        clearTimeout(late);
      }
    },
  };
}
