import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BootstrapToken, bootstrapTokenText } from '../../api/bootstrap-token.ts';
import { bootstrapNode } from '../../node-agent/bootstrap/bootstrap.ts';
import { readPem } from '../credentials.ts';
import { loadCertificateAuthority } from '../pki.ts';
import type { NodeSpec } from '../spec.ts';
import { type StateDir, writeWhole } from '../state.ts';
import { nodeFolder, servingFiles } from './credentials.ts';

export interface LabBootstrap {
  state: StateDir;
  /** Where the certificate authority is, where that is elsewhere. */
  authority?: StateDir;
  node: NodeSpec;
  /** At which the API is reached from here. */
  server: string;
  /** At which the node will reach it. */
  nodeServer: string;
  /** PEM. */
  ca: string;
  token: BootstrapToken;
}

/** The API's own controllers answer at once, or not at all. */
const timeout = 10_000;

/**
 * Gets a certificate for a node of this lab by its token, before there is the node: whatever is wrong shows while there
 * is nothing to take back. What it serves with is signed here, for kubeadm's clusters have nobody who signs that for it.
 */
export async function bootstrapLabNode(options: LabBootstrap): Promise<void> {
  const { state, authority: home = state, node, server, nodeServer, ca, token } = options;
  const dir = nodeFolder(state, node.name);
  const { kubeconfig } = await bootstrapNode({
    server,
    ca,
    token: bootstrapTokenText(token),
    nodeName: node.name,
    dir,
    timeout,
  });
  if (home !== state) copyFileSync(kubeconfig, state.kubeconfig);
  writeWhole(kubeconfig, readFileSync(kubeconfig, 'utf8').replace(server, nodeServer));
  const authority = loadCertificateAuthority(readPem(home, 'ca.crt'), readPem(home, 'ca.key'));
  const { cert, key } = authority.issue({
    commonName: `system:node:${node.name}`,
    organizations: ['system:nodes'],
    serverNames: { dns: [node.name], ips: [node.address, ...(node.address6 ? [node.address6] : [])] },
  });
  writeWhole(join(dir, 'pki', servingFiles.cert), cert);
  writeWhole(join(dir, 'pki', servingFiles.key), key);
}
