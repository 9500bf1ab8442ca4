import { spawnSync } from 'node:child_process';
import type { TestApiserver } from './apiserver.ts';

/**
 * The kubectls that tests play: `KUBECTL_UNDER_TEST=/a/kubectl-1.27:/b/kubectl-1.33` names several releases; default: the
 * one on PATH. Says why when there is none.
 */
export function kubectlsUnderTest(): string[] {
  const candidates = (process.env.KUBECTL_UNDER_TEST ?? 'kubectl').split(':');
  const found = candidates.filter((kubectl) => spawnSync(kubectl, ['version', '--client']).status === 0);
  if (found.length === 0) console.log(`skipped: none of ${candidates.join(', ')} can be started`);
  return found;
}

/** A kubeconfig, as JSON, of somebody whom a client certificate names. */
export async function kubeconfigOf(
  server: TestApiserver,
  name = 'kubernetes-admin',
  groups = ['system:masters'],
): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const { cert, key } = server.pki.client(name, groups);
  const authority = base64(server.pki.ca);
  return JSON.stringify({
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    clusters: [{ name: 'test', cluster: { server: server.url, 'certificate-authority-data': authority } }],
    users: [{ name, user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } }],
  });
}
