import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyMode } from '../../dataplane/configuration.ts';
import { availableModes } from '../../dataplane/modes.ts';
import type { DataplaneMode } from '../spec.ts';

/**
 * Notes that a node's dataplane begins in `mode`, and tells in which others it has been since the node was
 * made: only they can have left rules. Where it had none, a proxy that somebody started by hand may have left any.
 * `runDir` ends with the node, as its rules do.
 */
export function formerModes(runDir: string, mode: DataplaneMode): ProxyMode[] {
  const file = join(runDir, 'proxy-modes');
  mkdirSync(runDir, { recursive: true });
  appendFileSync(file, `${mode}\n`);
  const modes = new Set(readFileSync(file, 'utf8').trim().split('\n') as DataplaneMode[]);
  return availableModes.filter((one) => one !== mode && (modes.has('none') || modes.has(one)));
}
