import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const flags = [
  '--user',
  '--map-root-user',
  '--mount',
  '--net',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];

/** Runs a command in namespaces of its own, such as a lab has; they and all that runs there end with it. */
export function inSandbox(file: string, args: readonly string[]): Promise<{ stdout: string }> {
  return promisify(execFile)('unshare', [...flags, file, ...args], { maxBuffer: 1 << 24 });
}
