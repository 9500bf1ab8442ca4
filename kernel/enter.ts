import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import type { Command } from './run.ts';

export interface SpawnEnteredOptions {
  env: Readonly<Record<string, string>>;
  stdin?: string;
  stdio?: 'pipe' | 'inherit';
  signal?: AbortSignal;
}

/**
 * Runs an `nsenter` command line to its end, whatever its exit code.
 *
 * Rejects when it cannot be started or `signal` fires; the latter ends it and its children.
 */
export async function spawnEntered(
  { file, args }: Command,
  { env, stdin, stdio = 'pipe', signal }: SpawnEnteredOptions,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  signal?.throwIfAborted();
  const inherit = stdio === 'inherit';
  // nsenter waits for its child and does not pass signals on: a process group takes both.
  const child = spawn(file, args, { env, cwd: '/', stdio, detached: !inherit });
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(inherit ? child.pid : -child.pid, 'SIGKILL');
  };
  signal?.addEventListener('abort', kill, { once: true });
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, end) => resolve(code ?? 128 + (end ? constants.signals[end] : 0)));
  });
  // A command that reads no input closes its end; that is its right.
  child.stdin?.on('error', () => child.stdin?.destroy());
  child.stdin?.end(stdin);
  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
      exited,
    ]);
    signal?.throwIfAborted();
    return { exitCode, stdout, stderr };
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}
