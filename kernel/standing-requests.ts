import type { Requests } from './requests.ts';
import { idleTime } from './standing-session.ts';

/** A program that is there while it is asked something, and {@link idleTime} longer. */
export interface StandingRequests {
  /** As {@link Requests.ask}; starts the program where it is not there. */
  ask(name: string, rest?: string): Promise<string>;
  isOpen(): boolean;
}

export function createStandingRequests(open: () => Requests): StandingRequests {
  let program: Requests | undefined;
  let idle: NodeJS.Timeout | undefined;
  let busy = 0;

  function end(): void {
    program?.close();
    program = undefined;
  }

  return {
    isOpen: () => program !== undefined && !program.ended(),
    async ask(name, rest) {
      clearTimeout(idle);
      if (!program || program.ended()) program = open();
      busy += 1;
      try {
        return await program.ask(name, rest);
      } finally {
        busy -= 1;
        if (busy === 0) idle = setTimeout(end, idleTime).unref();
      }
    },
  };
}
