import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { startProgram } from '../../kernel/program.ts';
import { runtimeScript } from './paths.ts';

/** A connection to a port of a pod; the end of one direction is passed on by itself. */
export interface PodConnection {
  readonly input: Writable;
  readonly output: Readable;
  close(): void;
}

/**
 * Connects to `localhost` as a pod sees it: IPv4, or else IPv6.
 *
 * @param netns path of the pod's network namespace; undefined for the one of this process
 * @param machine as `uname -m` has it
 * @throws Error in the words of containerd when neither answers
 */
export async function connectToPod(
  netns: string | undefined,
  port: number,
  machine: string,
): Promise<PodConnection> {
  if (netns === undefined) return connectHere(port);
  const program = startProgram({
    file: 'perl',
    args: [runtimeScript('forward.pl'), machine, netns, String(port)],
  });
  const { stdin, stdout, stderr, control } = program;
  stdin.on('error', () => undefined);
  stderr.resume();
  const report = (await text(control)).trim();
  if (report !== 'connected') {
    throw new Error(
      `failed to execute portforward in network namespace ${JSON.stringify(netns)}: failed to connect to localhost:${port} inside namespace, ${report || `ended with ${await program.exited}`}`,
    );
  }
  return {
    input: stdin,
    output: stdout,
    close() {
      stdin.destroy();
      stdout.destroy();
    },
  };
}

async function connectHere(port: number): Promise<PodConnection> {
  const refusals: string[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const socket = connect({ host, port, allowHalfOpen: true });
    const failure = await new Promise<Error | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('error', resolve);
    });
    if (!failure) {
      // Its `close` follows.
      socket.on('error', () => undefined);
      return { input: socket, output: socket, close: () => socket.destroy() };
    }
    refusals.push(`dial tcp ${host}:${port}: ${failure.message}`);
  }
  throw new Error(`failed to connect to localhost:${port}: ${refusals.join(' ')}`);
}
