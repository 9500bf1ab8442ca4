import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startProgram } from '../../kernel/program.ts';
import type { HeldProgram } from './beside.ts';
import { runtimeScript } from './paths.ts';

export interface ExecSpec {
  /** Folder of the container's running attempt: its plan says how its program was started. */
  dir: string;
  /** The container's program. */
  pid: number;
  command: readonly string[];
  stdin: boolean;
  tty: boolean;
}

/**
 * Runs a command in a container as its own program runs: namespaces, root, environment, folder, user. Once it
 * is let go of, or this process ends, so does the command.
 */
export function execInContainer({ dir, pid, command, stdin, tty }: ExecSpec): HeldProgram {
  const flags = `${stdin ? 'i' : ''}${tty ? 't' : ''}` || '-';
  const program = startProgram({
    file: 'perl',
    args: [runtimeScript('exec.pl'), join(dir, 'plan'), String(pid), flags, ...command],
  });
  const { control } = program;
  // A command that reads no input closes its end; that is its right.
  for (const stream of [program.stdin, control]) stream.on('error', () => undefined);
  if (!stdin) program.stdin.end();
  const ended = (async () => {
    for await (const line of createInterface({ input: control })) {
      const [, word, rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
      if (word === 'exit') return Number(rest);
      if (word === 'failed') throw new Error(`failed to exec in container: ${rest.trim()}`);
    }
    const code = await program.exited;
    throw new Error(`failed to exec in container: ended with ${code}`);
  })();
  // Whoever waits for it is told; nobody may be waiting any more.
  ended.catch(() => undefined);
  return {
    stdin: program.stdin,
    stdout: program.stdout,
    stderr: program.stderr,
    ended,
    resize: ({ columns, rows }) => void control.write(`resize ${columns} ${rows}\n`),
    hangUp() {
      for (const stream of [control, program.stdin, program.stdout, program.stderr]) stream.destroy();
    },
  };
}
