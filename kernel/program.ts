import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Duplex, Readable, Writable } from 'node:stream';
import type { Command } from './run.ts';

/** A program that runs beside this one, with a channel besides its three streams. */
export interface Program {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The program's descriptor 3, a socket: both ways. */
  readonly control: Duplex;
  /** Resolves when it has ended, to its exit code or 128 and the signal. Rejects when it cannot be started. */
  readonly exited: Promise<number>;
}

/** Starts a program and leaves it to run. Whoever closes `control` tells it that nobody is there any more. */
export function startProgram({ file, args }: Command): Program {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], cwd: '/' });
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  // Whoever waits for it is told; nobody may be waiting yet.
  exited.catch(() => undefined);
  const control = child.stdio[3];
  if (!control || !(control instanceof Writable) || !(control instanceof Readable))
    throw new Error(`${file}: descriptor 3 must be a socket`);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    control: control as Duplex,
    exited,
  };
}
