import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';

/** Joins guests by a network: each is given `hub` in its {@link GuestOptions}. */
export interface Hub {
  /** Path of the socket. */
  readonly path: string;
  close(): void;
}

/** Starts a hub; it ends with this process at the latest. `path` is of a file that is not there, at most 107 bytes. */
export async function startHub(path: string): Promise<Hub> {
  const child = spawn('perl', [join(packageRoot, 'lab/guest/hub.pl'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the hub at ${path} ended with exit code ${code}`)));
    child.stdout.once('data', () => resolve());
  });
  return { path, close: () => void child.stdin.end() };
}
