import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Protocol } from '../model/serviceport.ts';

/** Whom to ask, and how. */
export interface Target {
  /** A network namespace of the sandbox; undefined is the node. */
  from: string | undefined;
  address: string;
  port: number;
  protocol?: Protocol;
  /** Seconds until the outcome is `ETIMEDOUT`. A packet that was lost is sent again after one, so more than that says "never". */
  timeout?: number;
  /** An address, a port of the client's own. */
  source?: string;
  sourcePort?: number;
}

/** A connection that stays open, or a UDP socket that keeps its port. */
export interface Conversation {
  /** What came of opening it, and of the first words. */
  readonly outcome: string;
  /** Says something more, and resolves to the outcome. */
  talk(timeout?: number): Promise<string>;
  close(): Promise<void>;
}

/**
 * Talks and listens in every network namespace of a sandbox. An outcome is the server's name and the client's
 * address as it saw it (`pod1 10.244.1.9`), or the name of an error.
 */
export interface Agent {
  /** Answers TCP, UDP and SCTP of both families on these ports; each connection as often as it says something. */
  serve(netns: string, name: string, ports: readonly number[]): Promise<void>;
  /** One connection after the other, until one is answered by nobody; how often each outcome came. */
  connect(target: Target, times?: number): Promise<Record<string, number>>;
  open(target: Target): Promise<Conversation>;
  /** Whether this kernel has SCTP sockets, so that an association can be kept; else it ends with its first answer. */
  hasSctp(): Promise<boolean>;
  /** Writes to a file as a process of that namespace, for `/proc/sys/net`. */
  write(netns: string | undefined, path: string, text: string): Promise<void>;
}

/** Long enough for a machine that is busy. */
const patience = 10;

/** Starts `agent.pl`; `enter` gives the command that runs another one in the sandbox, where the agent ends with it. */
export function startAgent(
  enter: (command: readonly string[]) => { file: string; args: readonly string[] },
): Agent {
  const script = fileURLToPath(new URL('agent.pl', import.meta.url));
  const { file, args } = enter(['perl', script, process.arch]);
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<string, { resolve(words: string[]): void; reject(error: Error): void }>();
  let last = 0;
  createInterface(child.stdout).on('line', (line) => {
    const [id = '', ...words] = line.split('\t');
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (words[0]?.startsWith('!')) reject?.(new Error(words[0].slice(1)));
    else resolve?.(words);
  });
  // What was sent after its end is rejected below.
  child.stdin.on('error', () => undefined);
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the traffic agent ended'));
  });

  function ask(verb: string, ...words: (string | number)[]): { id: string; answer: Promise<string[]> } {
    const id = String(++last);
    const answer = new Promise<string[]>((resolve, reject) => {
      if (child.exitCode !== null) reject(new Error('the traffic agent ended'));
      waiting.set(id, { resolve, reject });
    });
    child.stdin.write(`${[id, verb, ...words].join('\t')}\n`);
    return { id, answer };
  }
  const destination = ({
    from,
    protocol = 'TCP',
    address,
    port,
    timeout = patience,
    source,
    sourcePort,
  }: Target) => [from ?? '-', protocol, address, port, timeout, source ?? '-', sourcePort ?? '-'];
  return {
    async serve(netns, name, ports) {
      await ask('serve', netns, name, ...ports).answer;
    },
    async connect(target, times = 1) {
      const counts = await ask('connect', ...destination(target), times).answer;
      return Object.fromEntries(
        counts.map((text) => [
          text.slice(0, text.lastIndexOf('=')),
          Number(text.slice(text.lastIndexOf('=') + 1)),
        ]),
      );
    },
    async open(target) {
      const { id, answer } = ask('open', ...destination(target));
      const [outcome = ''] = await answer;
      return {
        outcome,
        async talk(timeout = patience) {
          const [said = ''] = await ask('talk', id, timeout).answer;
          return said;
        },
        async close() {
          await ask('close', id).answer;
        },
      };
    },
    async hasSctp() {
      return (await ask('sctp').answer)[0] === 'sockets';
    },
    async write(netns, path, text) {
      await ask('write', netns ?? '-', path, text).answer;
    },
  };
}
