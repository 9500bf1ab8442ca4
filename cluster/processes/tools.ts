import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { commandFolder } from '../../lab/spec.ts';
import { proxyKubeconfig } from '../credentials.ts';
import { proxyKubeconfigPath } from '../runtime.ts';
import type { ClusterSpec } from '../spec.ts';
import { type StateDir, writeWhole } from '../state.ts';

/**
 * Lets people type `v9s kube-proxy …` inside nodes: writes the command `v9s` of this very program into the lab's
 * command folder, and {@link proxyKubeconfigPath} for the API at `server`. Both end with the lab.
 */
export function provideTools(spec: ClusterSpec, state: StateDir, server: string): void {
  writeWhole(proxyKubeconfigPath, proxyKubeconfig(spec, state, server));
  mkdirSync(commandFolder, { recursive: true });
  const command = join(commandFolder, 'v9s');
  writeWhole(command, commandText());
  chmodSync(command, 0o755);
}

/** Becomes Node.js by `exec`, so that the process id a shell knows is the program's. */
function commandText(): string {
  const { NODE_COMPILE_CACHE: cache } = process.env;
  const words = [process.execPath, ...process.execArgv, join(packageRoot, 'dist/v9s.js')];
  return `#!/bin/sh
${cache === undefined ? '' : `export NODE_COMPILE_CACHE=${quote(cache)}\n`}exec ${words.map(quote).join(' ')} "$@"
`;
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
