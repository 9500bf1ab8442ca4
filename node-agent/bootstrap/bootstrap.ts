import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientConfig, createClient } from '../../api/client.ts';
import { hasReason } from '../../api/status.ts';
import { CertificateRefusedError, clientSigner, clientUsages, requestCertificate } from './request.ts';
import { openPairStore } from './store.ts';

/** How a machine becomes a node. */
export interface BootstrapOptions {
  /** `https://HOST:6443` */
  server: string;
  /** PEM of the cluster's CA, which discovery has found and checked. */
  ca: string;
  /** `ID.SECRET` */
  token: string;
  nodeName: string;
  /** Gets `kubelet.conf` and `pki/kubelet-client-current.pem`; made when missing. */
  dir: string;
  signal?: AbortSignal;
  /** Milliseconds to wait for the certificate; default 5 minutes, kubeadm's. */
  timeout?: number;
  /** Told with the name of the request when it waits for somebody to approve it. */
  onPending?: (name: string) => void;
}

/** What a node shows to the API from now on. */
export interface NodeCredentials {
  /** File name of the kubeconfig. */
  kubeconfig: string;
  /** File name of certificate and key; a link that follows each rotation. */
  certificate: string;
  /** The same, read. */
  config: ClientConfig;
}

/** The token or the CA is not that of the cluster at `server`, which is said with what to do. */
export class BootstrapError extends Error {
  override name = 'BootstrapError';
}

const defaultTimeout = 5 * 60_000;

/**
 * TLS bootstrap as the kubelet does it: makes a key, asks with a bootstrap token for a client certificate of
 * `system:node:NAME`, waits until it is issued, and writes `kubelet.conf` last, in one step. Interrupted, it goes on
 * with the same key and request; where good credentials are there already, it returns them. Upstream:
 * `pkg/kubelet/certificate/bootstrap`.
 *
 * @throws BootstrapError, CertificateRefusedError, CertificatePendingError
 */
export async function bootstrapNode(options: BootstrapOptions): Promise<NodeCredentials> {
  const { server, ca, token, nodeName, dir, timeout = defaultTimeout } = options;
  const pki = join(dir, 'pki');
  const store = openPairStore(pki, 'kubelet-client');
  const kubeconfig = join(dir, 'kubelet.conf');
  let pair = store.current();
  if (!pair || pair.notAfter <= Date.now()) {
    mkdirSync(pki, { recursive: true, mode: 0o700 });
    const draft = join(pki, 'kubelet-client.key.tmp');
    const key = readKey(draft) ?? writeKey(draft);
    const client = createClient({ server, ca, token, userAgent: `kubelet/${nodeName}` });
    try {
      const cert = await requestCertificate(
        client,
        {
          nodeName,
          key: createPrivateKey(key),
          signerName: clientSigner,
          usages: clientUsages,
          repeatable: true,
        },
        {
          timeout,
          ...(options.signal ? { signal: options.signal } : {}),
          ...(options.onPending ? { onPending: options.onPending } : {}),
        },
      );
      pair = store.put(cert, key);
    } catch (error) {
      // The same key would meet the same request again, which is over.
      if (error instanceof CertificateRefusedError) rmSync(draft, { force: true });
      throw explained(error, options);
    } finally {
      client.close();
    }
    rmSync(draft, { force: true });
  }
  writeWhole(kubeconfig, kubeconfigText(server, ca, store.path));
  return { kubeconfig, certificate: store.path, config: { server, ca, cert: pair.cert, key: pair.key } };
}

function explained(error: unknown, { server, token }: BootstrapOptions): unknown {
  const [id = ''] = token.split('.');
  if (hasReason(error, 'Unauthorized')) {
    return new BootstrapError(
      `${server} does not take the bootstrap token ${id}.…: it is unknown, has expired, or is not for authentication; ` +
        'v9s token list shows those that are good, v9s token create makes one',
      { cause: error },
    );
  }
  if (hasReason(error, 'Forbidden')) {
    return new BootstrapError(`the bootstrap token ${id}.… may not ask for certificates: ${error.message}`, {
      cause: error,
    });
  }
  const { code = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (wrongCa.includes(code)) {
    return new BootstrapError(
      `the certificate of ${server} was not signed by the CA that was given (${message}); is this the cluster the token is from?`,
      { cause: error },
    );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new BootstrapError(`the certificate of ${server} is not for that name: ${message}`, {
      cause: error,
    });
  }
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND'].includes(code)) {
    return new BootstrapError(`${server} cannot be reached (${code}); is the control plane up?`, {
      cause: error,
    });
  }
  return error;
}

/** Codes of OpenSSL's verification as Node.js names them. */
const wrongCa = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
];

/** The key of a bootstrap that was interrupted. */
function readKey(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    createPrivateKey(text);
    return text;
  } catch {
    // Absent, or cut short when the machine went down: nothing was certified with it yet.
    return undefined;
  }
}

function writeKey(file: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const text = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  writeWhole(file, text);
  return text;
}

/** JSON is YAML too, and costs no parser. Names are kubelet's. */
function kubeconfigText(server: string, ca: string, certificate: string): string {
  const name = { cluster: 'default-cluster', user: 'default-auth', context: 'default-context' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: name.cluster,
        cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: name.user, user: { 'client-certificate': certificate, 'client-key': certificate } }],
    contexts: [
      { name: name.context, context: { cluster: name.cluster, user: name.user, namespace: 'default' } },
    ],
    'current-context': name.context,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function writeWhole(file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
}
