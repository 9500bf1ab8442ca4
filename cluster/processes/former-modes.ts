import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyMode } from '../../dataplane/configuration.ts';

/**
 * Notes that a node's dataplane begins in `mode`, and tells in which others it has been since the node was
 * made: only they can have left rules. `runDir` ends with the node, as its rules do.
 */
export function formerModes(runDir: string, mode: ProxyMode): ProxyMode[] {
  const file = join(runDir, 'proxy-modes');
  mkdirSync(runDir, { recursive: true });
  appendFileSync(file, `${mode}\n`);
  const modes = new Set(readFileSync(file, 'utf8').trim().split('\n') as ProxyMode[]);
  modes.delete(mode);
  return [...modes];
}
