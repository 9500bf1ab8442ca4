import { readFileSync, writeFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { type CommandEnd, createCommandRunner } from './command-runner.ts';
import { openRequests } from './requests.ts';
import { openSession, type Session } from './session.ts';
import { createStandingRequests, type StandingRequests } from './standing-requests.ts';

/** One command as it was given to the kernel's tools. */
export interface Command {
  file: string;
  args: readonly string[];
  /** Text for the command's standard input: the batch itself, for `ip -batch -`, `iptables-restore`, `nft -f -`. */
  input?: string;
}

export interface RunOptions {
  input?: string;
  /**
   * For commands that carry out each line as it comes: where this process is killed while it writes, they see the end
   * of their input behind a whole line, not in the middle of one that might mean something else.
   */
  wholeLines?: boolean;
  env?: Record<string, string>;
  signal?: AbortSignal;
}

/** Standard output and error of a command that ended well. */
export interface Output {
  stdout: string;
  stderr: string;
}

/** Runs commands; the one door to `ip`, `nft`, `iptables-restore` and their kin. */
export interface Kernel {
  /** Runs to the end. Rejects with {@link CommandError} on a non-zero exit, a signal, or a missing command. */
  run(file: string, args: readonly string[], options?: RunOptions): Promise<Output>;
  /** Starts a program that is sent one batch after the other. Where it is missing, {@link run} does. */
  open?(file: string, args: readonly string[]): Promise<Session>;
  /** The program of {@link KernelOptions.helper}. */
  readonly helper?: StandingRequests;
  /** Only where this process is in the very namespaces that {@link run}'s commands act in. */
  readonly files?: KernelFiles;
}

/** `/proc` and `/sys` without a process for each look, which would cost a hundred times as much. */
export interface KernelFiles {
  /** Undefined when there is no such file. Throws what keeps an existing one from being read. */
  read(path: string): string | undefined;
  /** To a file that exists. Recorded as the `tee` that it stands for. */
  write(path: string, text: string): void;
}

export interface KernelOptions {
  /** Sees every command before it runs; `-v` prints here, tests record here. */
  onCommand?: (command: Command) => void;
  /**
   * A small program that runs commands in this process's place, see command-runner.ts: `['perl', '…/shim.pl']`. What else
   * it does when it is asked is recorded as if for each question there were a process of its own.
   */
  helper?: readonly [file: string, ...args: string[]];
  /** Records but runs nothing; every command succeeds with empty output. */
  dryRun?: boolean;
}

/** A command that failed, with what it printed. */
export class CommandError extends Error {
  readonly command: Command;
  /** Undefined when the command was not found or was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly stdout: string;

  constructor(command: Command, exitCode: number | undefined, stderr: string, why: string, stdout = '') {
    super(`${[command.file, ...command.args].join(' ')}: ${stderr.trim() || why}`);
    this.name = 'CommandError';
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
    this.stdout = stdout;
  }
}

export function createKernel(options: KernelOptions = {}): Kernel {
  const { onCommand, dryRun } = options;
  const [program, ...itsArgs] = (dryRun ? undefined : options.helper) ?? [];
  const standing =
    program === undefined ? undefined : createStandingRequests(() => openRequests(program, itsArgs));
  const runner = standing && createCommandRunner(standing);
  const helper = standing && {
    ...standing,
    ask(name: string, rest?: string) {
      onCommand?.({ file: program ?? '', args: [...itsArgs, name] });
      return standing.ask(name, rest);
    },
  };
  return {
    ...(helper ? { helper } : {}),
    files: {
      read: (path) => (dryRun ? '' : readIfThere(path)),
      write(path, text) {
        onCommand?.({ file: 'tee', args: [path], input: text });
        if (!dryRun) writeFileSync(path, text, { flag: 'r+' });
      },
    },
    async open(file, args) {
      if (dryRun)
        return { send: async () => '', ended: () => false, close: () => undefined, kill: () => undefined };
      const session = openSession(file, args);
      return {
        ...session,
        send(input, mark) {
          onCommand?.({ file, args, input });
          return session.send(input, mark);
        },
      };
    },
    async run(file, args, { input, wholeLines, env, signal } = {}) {
      const command: Command = { file, args, ...(input === undefined ? {} : { input }) };
      onCommand?.(command);
      if (dryRun) return { stdout: '', stderr: '' };
      const ending = env || signal ? undefined : runner?.run(file, args, input);
      if (ending) return outcome(command, await ending);
      // Loaded with the first command: what starts no command, or only a lab, need not wait for it.
      const { execa } = await import('execa');
      const running = execa(file, args, {
        reject: false,
        stripFinalNewline: false,
        ...(input === undefined ? { stdin: 'ignore' } : wholeLines ? { stdin: 'pipe' } : { input }),
        ...(env ? { env } : {}),
        ...(signal ? { cancelSignal: signal } : {}),
      });
      if (input !== undefined && wholeLines && running.stdin) await writeLines(running.stdin, input);
      const result = await running;
      if (result.failed) {
        const why = result.code === 'ENOENT' ? missingCommand : (result.shortMessage ?? 'failed');
        throw new CommandError(command, result.exitCode, result.stderr ?? '', why, result.stdout);
      }
      return { stdout: result.stdout, stderr: result.stderr };
    },
  };
}

/** What {@link Kernel.run} makes of a command that another process has run. */
function outcome(command: Command, { code, stdout, stderr }: CommandEnd): Output {
  if (code === 0) return { stdout, stderr };
  if (code === 'missing') throw new CommandError(command, undefined, '', missingCommand);
  const why = code === undefined ? 'ended by a signal' : `exit code ${code}`;
  throw new CommandError(command, code, stderr, why, stdout);
}

const missingCommand = 'command not found; run `v9s doctor`';

/** What a pipe takes whole or not at all, in bytes: PIPE_BUF of pipe(7). Unix sockets take more than that at once. */
const atomicWrite = 4_096;

/** One write at a time: what waits together would be written together, and cut anywhere. */
async function writeLines(stream: Writable, text: string): Promise<void> {
  for (let start = 0; start < text.length; ) {
    const last = text.lastIndexOf('\n', start + atomicWrite - 1);
    const next = last >= start ? last : text.indexOf('\n', start);
    const end = start + atomicWrite >= text.length || next < 0 ? text.length : next + 1;
    const part = text.slice(start, end);
    // A command that ends early says itself why.
    if (!(await new Promise((resolve) => stream.write(part, (error) => resolve(!error))))) return;
    start = end;
  }
  stream.end();
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
