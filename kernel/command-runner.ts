import { SessionEnd } from './session.ts';
import type { StandingRequests } from './standing-requests.ts';
import { idleTime } from './standing-session.ts';

/** How a command ended. */
export interface CommandEnd {
  /** Undefined when a signal ended it; `missing` when there is no such command. */
  code: number | 'missing' | undefined;
  stdout: string;
  stderr: string;
}

/** Runs commands by way of a small process. */
export interface CommandRunner {
  /** Undefined when this command is better run directly: few have come of late, or its input is large. */
  run(file: string, args: readonly string[], input: string | undefined): Promise<CommandEnd> | undefined;
}

/** So many commands within {@link idleTime} are worth a process that runs them. */
const worthwhile = 16;

/** What a pipe holds, in bytes; UTF-8 may have three of them for a code unit. */
const pipeSize = 65_536;

/**
 * Starting a program copies this process first, which for one of Node.js costs more than most commands themselves. A
 * small program runs them instead, where it is there already or many commands come; node-agent/runtime/shim.pl says how it
 * is spoken to.
 */
export function createCommandRunner(program: StandingRequests): CommandRunner {
  let recent: number[] = [];
  let count = 0;

  async function send(file: string, args: readonly string[], input: string | undefined): Promise<CommandEnd> {
    const words = [input === undefined ? '' : `<${input}`, file, ...args];
    try {
      const answer = await program.ask(`command ${count++}`, words.map(escaped).join('\t'));
      const [code = '', stdout = '', stderr = ''] = answer.split('\t').map(unescaped);
      return { code: code === 'missing' ? code : code === '' ? undefined : Number(code), stdout, stderr };
    } catch (error) {
      if (!(error instanceof SessionEnd)) throw error;
      // Nobody knows how it ended.
      return { code: undefined, stdout: '', stderr: error.stderr };
    }
  }

  return {
    run(file, args, input) {
      const now = performance.now();
      recent = [...recent.slice(1 - worthwhile), now];
      const many = recent.length === worthwhile && now - (recent[0] ?? 0) < idleTime;
      if (!program.isOpen() && !many) return undefined;
      if ((input?.length ?? 0) * 3 > pipeSize) return undefined;
      return send(file, args, input);
    },
  };
}

const codes: Record<string, string> = { '%': '%25', '\t': '%09', '\n': '%0A', '\r': '%0D' };

const escaped = (text: string) => text.replace(/[%\t\n\r]/g, (character) => codes[character] ?? character);

const unescaped = (text: string) =>
  text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
