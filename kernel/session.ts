import { spawn } from 'node:child_process';

/** A program that takes batch after batch on its standard input, and stays. */
export interface Session {
  /**
   * Sends text, and resolves to what was printed since the last call once `mark` is found in that: something
   * the program prints when it is done with the text. Rejects with {@link SessionEnd} when it ends before.
   */
  send(text: string, mark: string | RegExp): Promise<string>;
  /** Whether the program has ended, for whatever reason: what is sent now it will not see. */
  ended(): boolean;
  /** Calls back when it has ended, for whatever reason. Absent where nothing was started. */
  onEnd?(listener: () => void): void;
  /** Ends the program by the end of its input. Nobody waits for it. */
  close(): void;
  /** Ends it at once. */
  kill(): void;
}

/** The program ended, or could not be started; `stderr` is all it said since the last {@link Session.send}. */
export class SessionEnd extends Error {
  /** Undefined when a signal ended it; 127 when there is no such program. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(file: string, exitCode: number | undefined, stderr: string) {
    super(
      `${file}: ${stderr.trim() || (exitCode === undefined ? 'ended by a signal' : `exit code ${exitCode}`)}`,
    );
    this.name = 'SessionEnd';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * Starts a program whose output comes line by line, as if to a terminal: stdbuf(1) sees to that. It ends with
 * this process, and does not keep it alive while it is idle.
 */
export function openSession(file: string, args: readonly string[]): Session {
  const child = spawn('stdbuf', ['-oL', file, ...args], { stdio: 'pipe' });
  const streams = [child.stdin, child.stdout, child.stderr];
  let [stdout, stderr] = ['', ''];
  let ended: SessionEnd | undefined;
  let look: () => void = () => undefined;

  const listeners: (() => void)[] = [];
  const end = (code: number | undefined, why: string) => {
    const first = !ended;
    ended ??= new SessionEnd(file, code, why);
    look();
    if (first) for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // Its end tells more than the broken pipe does.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => end(127, error.message));
  child.on('close', (code) => end(code ?? undefined, stderr));

  const hold = (held: boolean) => {
    // A stream that has ended would wait for a connection.
    for (const one of [child, ...streams.filter(({ destroyed }) => !destroyed)]) {
      if (held) (one as { ref?: () => void }).ref?.();
      else (one as { unref?: () => void }).unref?.();
    }
  };
  hold(false);

  return {
    async send(text, mark) {
      const done = () => (typeof mark === 'string' ? stdout.includes(mark) : mark.test(stdout));
      hold(true);
      [stdout, stderr] = ['', ''];
      child.stdin.write(text);
      try {
        await new Promise<void>((resolve, reject) => {
          look = () => {
            if (done()) resolve();
            else if (ended) reject(ended);
          };
          look();
        });
        return stdout;
      } finally {
        look = () => undefined;
        hold(false);
      }
    },
    ended: () => ended !== undefined,
    onEnd(listener) {
      listeners.push(listener);
    },
    close() {
      child.stdin.end();
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}
