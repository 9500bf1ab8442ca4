import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from '../../api/client.ts';
import type { NodeCertificate } from '../../node-agent/bootstrap/credentials.ts';
import { readPem } from '../credentials.ts';
import type { StateDir } from '../state.ts';

/** What a node that has joined was given: `kubelet.conf` and `pki/`, as a machine has it in /etc/kubernetes and /var/lib/kubelet. */
export const nodeFolder = (state: StateDir, name: string): string => join(state.root, 'nodes', name);

/** With what the kubelet's API is served, below `pki/` of {@link nodeFolder}. */
export const servingFiles = { cert: 'kubelet.crt', key: 'kubelet.key' } as const;

/** As whom a node that has joined reaches the API, how it remains so, and with what it serves. */
export interface JoinedCredentials extends Pick<NodeCertificate, 'keep'> {
  client: ClientConfig;
  serving: { cert: string; key: string; clientCa: string };
}

/** Throws for a node whose certificate has ended while it was off. */
export async function joinedCredentials(state: StateDir, name: string): Promise<JoinedCredentials> {
  // Here, because other nodes need no parser and renew nothing.
  const { loadKubeconfig } = await import('../../api/kubeconfig.ts');
  const { openNodeCertificate } = await import('../../node-agent/bootstrap/credentials.ts');
  const folder = nodeFolder(state, name);
  const certificate = openNodeCertificate(folder);
  const { server = '', ca = '' } = loadKubeconfig(join(folder, 'kubelet.conf'));
  const read = (file: string) => readFileSync(join(folder, 'pki', file), 'utf8');
  return {
    client: { server, ca, certificate: certificate.current },
    keep: certificate.keep,
    serving: {
      cert: read(servingFiles.cert),
      key: read(servingFiles.key),
      clientCa: readPem(state, 'ca.crt'),
    },
  };
}
