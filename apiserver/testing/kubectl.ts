import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
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

/**
 * Of the releases that the machine has (those of {@link kubectlsUnderTest}, what the interoperability matrix built, Google's
 * SDK) the oldest and the newest, or all.
 */
export function someKubectls(all = false): string[] {
  const sdk = '/usr/lib/google-cloud-sdk/bin';
  const places = process.env.KUBECTL_UNDER_TEST?.split(':') ?? [
    join(cacheFolder(), 'interop/1.20.2/kubectl'),
    ...Array.from({ length: 40 }, (_, minor) => join(sdk, `kubectl.1.${minor}`)),
  ];
  const found = places.filter((place) => existsSync(place));
  if (found.length === 0) return kubectlsUnderTest();
  return all ? found : [...new Set([found[0] ?? '', found.at(-1) ?? ''])];
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
