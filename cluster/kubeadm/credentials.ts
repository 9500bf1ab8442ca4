import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, ClientConfig } from '../../api/client.ts';
import type { KubeletSettings } from '../../node-agent/configuration/read.ts';
import type { ServerTls } from '../../node-agent/server/config.ts';
import { readPem } from '../credentials.ts';
import type { StateDir } from '../state.ts';

/** What a node that has joined was given: `kubelet.conf` and `pki/`, as a machine has it in /etc/kubernetes and /var/lib/kubelet. */
export const nodeFolder = (state: StateDir, name: string): string => join(state.root, 'nodes', name);

/** Whether a node that joined was given all it needs: a join that was interrupted has left a name alone. */
export const hasCredentials = (state: StateDir, name: string): boolean =>
  existsSync(join(nodeFolder(state, name), 'pki', servingFiles.key));

/** With what the kubelet's API is served, below `pki/` of {@link nodeFolder}. */
export const servingFiles = { cert: 'kubelet.crt', key: 'kubelet.key' } as const;

/** As whom a node that has joined reaches the API, how it remains so, and with what it serves. */
export interface JoinedCredentials {
  client: ClientConfig;
  serving: ServerTls;
  /** Renews both in time, with a client that shows the first. */
  keep(
    options: {
      client: Client;
      nodeName: string;
      ips: readonly string[];
      kubelet: Pick<KubeletSettings, 'rotateCertificates' | 'serverTlsBootstrap'>;
      onError(error: unknown): void;
    },
    signal: AbortSignal,
  ): void;
}

/** Throws for a node whose certificate has ended while it was off. */
export async function joinedCredentials(state: StateDir, name: string): Promise<JoinedCredentials> {
  // Here, because other nodes need no parser and renew nothing.
  const { loadKubeconfig } = await import('../../api/kubeconfig.ts');
  const { openNodeCertificate } = await import('../../node-agent/bootstrap/credentials.ts');
  const folder = nodeFolder(state, name);
  const { openServingCertificate } = await import('../../node-agent/bootstrap/serving.ts');
  const certificate = openNodeCertificate(folder);
  const { server = '', ca = '' } = loadKubeconfig(join(folder, 'kubelet.conf'));
  const serving = openServingCertificate(folder, ca);
  return {
    client: { server, ca, certificate: certificate.current },
    serving: {
      ...serving.current(),
      certificate: serving.current,
      clientCa: readPem(state, 'ca.crt'),
    },
    keep({ kubelet, ...options }, signal) {
      const { rotateCertificates = true, serverTlsBootstrap = false } = kubelet;
      if (rotateCertificates) certificate.keep(options, signal);
      serving.keep({ ...options, bootstrap: serverTlsBootstrap }, signal);
    },
  };
}
