import { setTimeout as delay } from 'node:timers/promises';
import {
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  signaturePrefix,
} from '../../api/bootstrap-secret.ts';
import { type BootstrapToken, isSignedWith, publicKeyHash } from '../../api/bootstrap-token.ts';
import { type ClientConfig, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { StatusError } from '../../api/status.ts';
import type { ConfigMap } from '../../api/types.ts';

export interface DiscoveryOptions {
  /** An https URL at which the API is reached from here. */
  server: string;
  /** What messages call it, where it is known by another address; default `server`. */
  endpoint?: string;
  token: BootstrapToken;
  /** `sha256:…` of certificate authorities that are trusted; empty trusts whoever knows the token. */
  hashes: readonly string[];
  /** Milliseconds that the API and the token's signature have to appear. */
  timeout: number;
}

/** A cluster that may be trusted. */
export interface Discovered {
  /** PEM. */
  ca: string;
  /** The URL that the cluster gives for itself. */
  server: string;
}

const retryInterval = 100;

/**
 * What a token proves of a cluster: cluster-info is read without any trust, its signature compared with the token,
 * the certificate authority in it with the hashes, and then read again by a connection which that authority
 * vouches for. Upstream: kubeadm `app/discovery/token`.
 */
export async function discover(options: DiscoveryOptions): Promise<Discovered> {
  const { server, endpoint = server, token, hashes, timeout } = options;
  const ask = (trust: Partial<ClientConfig>) =>
    clusterInfo({ server, ...trust }, { endpoint, token, deadline });
  const deadline = Date.now() + timeout;
  const insecure = await ask({ insecureSkipTlsVerify: true });
  const signature = insecure.data?.[`${signaturePrefix}${token.id}`] ?? '';
  const text = insecure.data?.[clusterInfoKey];
  if (!text)
    throw new Error(
      `there is no ${clusterInfoKey} key in the ${clusterInfoName} ConfigMap: ${endpoint} is not set up for token bootstrapping; v9s token create sets it up`,
    );
  if (!isSignedWith(signature, text, token))
    throw new Error(
      `failed to verify the JWS signature of ${clusterInfoName}: ${endpoint} does not know the token with id ${JSON.stringify(token.id)} as it was given, and cannot be trusted`,
    );
  const found = await readClusterInfo(text);
  if (hashes.length === 0) return found;
  const hash = publicKeyHash(found.ca);
  if (!hashes.includes(hash))
    throw new Error(
      `cluster CA found in ${clusterInfoName} ConfigMap is invalid: none of the public keys ${JSON.stringify(hash)} are pinned; give the hash that v9s init or v9s token create --print-join-command told`,
    );
  const secure = await ask({ ca: found.ca });
  if (secure.data?.[clusterInfoKey] !== text)
    throw new Error(
      `the second ${clusterInfoName} of ${endpoint}, read by a trusted connection, differs from the first`,
    );
  return found;
}

/** Once it has a signature under the token: that is put there a little after the token. */
async function clusterInfo(
  config: ClientConfig,
  { endpoint, token: { id }, deadline }: { endpoint: string; token: BootstrapToken; deadline: number },
): Promise<ConfigMap> {
  const client = createClient({ ...config, userAgent: 'v9s-join' });
  const ref = { name: clusterInfoName, namespace: clusterInfoNamespace };
  try {
    for (;;) {
      let failure: Error;
      try {
        const found = await client.get(resources.configmaps, ref);
        if (found.data?.[`${signaturePrefix}${id}`]) return found;
        failure = new Error(
          `could not find a JWS signature in the ${clusterInfoName} ConfigMap for token ID ${JSON.stringify(id)}: the token is not this cluster's, or has expired; v9s token create makes a new one`,
        );
      } catch (error) {
        failure = unreachable(endpoint, error);
      }
      if (Date.now() + retryInterval > deadline) throw failure;
      await delay(retryInterval);
    }
  } finally {
    client.close();
  }
}

function unreachable(endpoint: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  const what = cause instanceof StatusError ? 'refused to show' : 'could not be asked for';
  return new Error(
    `couldn't validate the identity of the API server: ${endpoint} ${what} ${clusterInfoName}: ${why}`,
    {
      cause,
    },
  );
}

interface ClusterInfo {
  clusters?: { cluster?: { server?: string; 'certificate-authority-data'?: string } }[];
}

/** A kubeconfig with one cluster and nobody who would use it. */
async function readClusterInfo(text: string): Promise<Discovered> {
  const { parse } = await import('../../api/yaml.ts');
  const { clusters = [] }: ClusterInfo = parse(text) ?? {};
  const [only, ...more] = clusters;
  const { server, 'certificate-authority-data': ca } = only?.cluster ?? {};
  if (more.length > 0 || !server || !ca)
    throw new Error(
      `expected the kubeconfig in the ${clusterInfoName} ConfigMap to have a single cluster with server and certificate-authority-data, but it had ${clusters.length}`,
    );
  return { server, ca: Buffer.from(ca, 'base64').toString('utf8') };
}
