import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** `1.20.2` */
export async function versionOfKubectl(kubectl: string): Promise<string> {
  const { stdout } = await promisify(execFile)(kubectl, ['version', '--client', '-o', 'json']);
  const { clientVersion } = JSON.parse(stdout) as { clientVersion: { gitVersion: string } };
  return clientVersion.gitVersion.replace(/^v/, '');
}
