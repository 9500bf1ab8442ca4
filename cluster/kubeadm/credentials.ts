import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from '../../api/client.ts';
import { readPem } from '../credentials.ts';
import type { StateDir } from '../state.ts';

/** What a node that has joined was given: `kubelet.conf` and `pki/`, as a machine has it in /etc/kubernetes and /var/lib/kubelet. */
export const nodeFolder = (state: StateDir, name: string): string => join(state.root, 'nodes', name);

/** With what the kubelet's API is served, below `pki/` of {@link nodeFolder}. */
export const servingFiles = { cert: 'kubelet.crt', key: 'kubelet.key' } as const;

/** As whom a node that has joined reaches the API, and with what it serves. */
export async function joinedCredentials(
  state: StateDir,
  name: string,
): Promise<{ client: ClientConfig; serving: { cert: string; key: string; clientCa: string } }> {
  // Here, because other nodes need no parser.
  const { loadKubeconfig } = await import('../../api/kubeconfig.ts');
  const folder = nodeFolder(state, name);
  const read = (file: string) => readFileSync(join(folder, 'pki', file), 'utf8');
  return {
    client: loadKubeconfig(join(folder, 'kubelet.conf')),
    serving: {
      cert: read(servingFiles.cert),
      key: read(servingFiles.key),
      clientCa: readPem(state, 'ca.crt'),
    },
  };
}
