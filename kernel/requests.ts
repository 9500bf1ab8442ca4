import { spawn } from 'node:child_process';
import { SessionEnd } from './session.ts';

/** A program that is asked many things at a time, and stays. */
export interface Requests {
  /**
   * Sends a line, `name` and behind a tab what else there is, and resolves to what the program answers: a line that begins
   * with the same name and a tab, and what is behind that. One question of a name at a time. Rejects with
   * {@link SessionEnd} when the program ends before.
   */
  ask(name: string, rest?: string): Promise<string>;
  /** Whether the program has ended, for whatever reason. */
  ended(): boolean;
  /** Ends the program by the end of its input. Nobody waits for it. */
  close(): void;
}

/** Starts a program that takes lines and answers each. It ends with this process, and does not keep it alive while it is idle. */
export function openRequests(file: string, args: readonly string[]): Requests {
  const child = spawn(file, args, { stdio: 'pipe' });
  const streams = [child.stdin, child.stdout, child.stderr];
  const waiting = new Map<string, { resolve(answer: string): void; reject(why: SessionEnd): void }>();
  let [rest, stderr] = ['', ''];
  let ended: SessionEnd | undefined;

  const end = (code: number | undefined, why: string) => {
    ended ??= new SessionEnd(file, code, why);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const tab = line.indexOf('\t');
      waiting.get(line.slice(0, tab))?.resolve(line.slice(tab + 1));
      waiting.delete(line.slice(0, tab));
    }
    hold(waiting.size > 0);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4_096);
  });
  // Its end tells more than the broken pipe does.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => end(127, error.message));
  child.on('exit', (code) => end(code ?? undefined, stderr));

  const hold = (held: boolean) => {
    // A stream that has ended would wait for a connection.
    for (const one of [child, ...streams.filter(({ destroyed }) => !destroyed)]) {
      if (held) (one as { ref?: () => void }).ref?.();
      else (one as { unref?: () => void }).unref?.();
    }
  };
  hold(false);

  return {
    ask: (name, more) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        waiting.set(name, { resolve, reject });
        hold(true);
        child.stdin.write(more === undefined ? `${name}\n` : `${name}\t${more}\n`);
      }),
    ended: () => ended !== undefined,
    close() {
      child.stdin.end();
    },
  };
}
