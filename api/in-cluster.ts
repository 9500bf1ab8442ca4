import { readFileSync } from 'node:fs';
import { joinHostPort } from './address.ts';
import type { ClientConfig } from './client.ts';

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * What a pod finds in its environment and service account volume; upstream: client-go
 * `rest.InClusterConfig`. Throws outside a pod.
 */
export function inClusterConfig(
  environment: NodeJS.ProcessEnv = process.env,
  folder = serviceAccountFolder,
): ClientConfig {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) {
    throw new Error(
      'not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; pass --kubeconfig',
    );
  }
  return {
    server: `https://${joinHostPort(host, port)}`,
    ca: readFileSync(`${folder}/ca.crt`, 'utf8'),
    token: tokenFromFile(`${folder}/token`),
  };
}

/** Reads a bearer token from a file. Re-read at most once a minute: projected tokens are rotated in place. */
export function tokenFromFile(file: string): () => string {
  let token = '';
  let read = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - read > 60_000) {
      token = readFileSync(file, 'utf8').trim();
      read = performance.now();
    }
    return token;
  };
}
