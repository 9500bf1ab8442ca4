import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../kernel/package-root.ts';

const run = promisify(execFile);

/** A cluster as a user gets it. */
export interface UserLab {
  readonly kubeconfig: string;
  /** Ends it; its components' logs are then in `log/` of the folder it was started for. */
  stop(): Promise<void>;
}

/** What the suite of 1.20 expects of a cluster of its time: it waits for a token Secret of every ServiceAccount. */
export const asOf120 = ['--legacy-service-account-tokens'];

/** Both families, IPv4 first: for tests that are about both. */
export const dualStack = [
  ...['--pod-cidr', '10.244.0.0/16,fd00:10:244::/56'],
  ...['--service-cidr', '10.96.0.0/12,fd00:10:96::/112'],
];

/** `v9s up`, with a state folder of its own. */
export async function startLab(folder: string, options: readonly string[] = []): Promise<UserLab> {
  // Paths of sockets are short, and the folder's may not be.
  const state = await mkdtemp(join(tmpdir(), 'v9s-e2e-'));
  const env = { ...process.env, XDG_STATE_HOME: state };
  const v9s = (...args: readonly string[]) =>
    run(process.execPath, [join(packageRoot, 'dist/v9s.js'), ...args], { env });
  const name = 'judged';
  const home = join(state, 'vethernetes', name);
  const stop = async () => {
    await v9s('down', '--name', name);
    await run('cp', ['-r', join(home, 'log'), folder]);
    rmSync(state, { recursive: true, force: true });
  };
  try {
    await v9s('up', '--name', name, '--nodes', '2', ...options);
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig: join(home, 'kubeconfig'), stop };
}
