import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../../lab/handle.ts';

/** Tries pods from a node until they answer. */
export interface Prober {
  /** A pod's address. */
  try(address: string): void;
  end(): void;
}

/**
 * One process in a node's network connects to each pod it is told of. An answer is a connection, or that there is
 * nobody at the port: the latter comes from the pod's own network namespace too. `onAnswer` is called once for each.
 */
export function startProber(
  lab: Lab,
  node: string,
  port: number,
  onAnswer: (address: string) => void,
): Prober {
  const { file, args } = lab.enterCommand([process.execPath, '-e', program, String(port)], { node });
  const child: ChildProcess = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!child.stdout) throw new Error('the prober has no output');
  createInterface(child.stdout).on('line', onAnswer);
  return {
    try: (address) => void child.stdin?.write(`${address}\n`),
    end: () => void child.stdin?.end(),
  };
}

const program = `
const net = require('node:net');
const port = Number(process.argv[1]);
const attempt = (host) => {
  const socket = net.connect({ host, port });
  socket.setTimeout(1000, () => socket.destroy(new Error('late')));
  const done = () => { process.stdout.write(host + '\\n'); socket.destroy(); };
  socket.once('connect', done);
  socket.once('error', (error) => error.code === 'ECONNREFUSED' && port === 9 ? done() : setTimeout(attempt, 20, host));
};
require('node:readline').createInterface(process.stdin).on('line', attempt).on('close', () => process.exit(0));
`;
