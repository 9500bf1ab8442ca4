import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { Client } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { AlternativeNames } from '../../api/x509/names.ts';
import { createRequest } from '../../api/x509/request.ts';

/** What a node asks to be certified. */
export interface NodeRequest {
  nodeName: string;
  key: KeyObject;
  signerName: string;
  usages: readonly string[];
  names?: Partial<AlternativeNames>;
  /** The same key and question has the same request, so that one who was interrupted goes on waiting. */
  repeatable?: boolean;
  /** Seconds; whoever signs may give less. */
  expirationSeconds?: number;
}

export interface Waiting {
  signal?: AbortSignal;
  /** Milliseconds; default 15 minutes, upstream's `certificateWaitTimeout`. */
  timeout?: number;
  /** Told once when nobody has decided yet. */
  onPending?: (name: string) => void;
}

/** Nobody will sign: the request was denied or failed, or was taken away. */
export class CertificateRefusedError extends Error {
  override name = 'CertificateRefusedError';
}

/** Nobody cared in time; somebody still may. */
export class CertificatePendingError extends Error {
  override name = 'CertificatePendingError';
}

/** As approvers of all releases let them through; those of before 1.27 take no fewer. */
export const clientUsages = ['digital signature', 'key encipherment', 'client auth'] as const;
export const clientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
export const servingSigner = 'kubernetes.io/kubelet-serving';

const defaultTimeout = 15 * 60_000;

/**
 * Posts a CertificateSigningRequest for `system:node:NAME` of `system:nodes` and waits for the certificate, PEM.
 * Upstream: client-go `util/certificate/csr`.
 *
 * @throws CertificateRefusedError, CertificatePendingError; StatusError where the API refuses the request itself
 */
export async function requestCertificate(
  client: Client,
  request: NodeRequest,
  waiting: Waiting = {},
): Promise<string> {
  const posted = await post(client, request);
  const { name = '', uid } = posted.metadata ?? {};
  const end = new AbortController();
  const signal = waiting.signal ? AbortSignal.any([waiting.signal, end.signal]) : end.signal;
  const { timeout = defaultTimeout } = waiting;
  let told = false;
  try {
    return await new Promise<string>((resolve, reject) => {
      const look = (current: CertificateSigningRequest) => {
        if (current.metadata?.uid !== uid)
          reject(new CertificateRefusedError(`certificate signing request ${name} is another's now`));
        try {
          const certificate = certificateOf(current);
          if (certificate !== undefined) return resolve(certificate);
        } catch (error) {
          return reject(error);
        }
        if (!told && !current.status?.conditions?.length) waiting.onPending?.(name);
        told = true;
      };
      startInformer(client, resources.certificatesigningrequests, {
        fieldSelector: `metadata.name=${name}`,
        signal,
        onChange: ({ type, object }) =>
          type === 'deleted'
            ? reject(new CertificateRefusedError(`certificate signing request ${name} was deleted`))
            : look(object),
        // A server that is away for a moment is asked again; one that does not know us any more will not.
        onError: (error) => {
          if (hasReason(error, 'Unauthorized') || hasReason(error, 'Forbidden')) reject(error);
        },
      });
      const timer = setTimeout(() => {
        reject(new CertificatePendingError(pendingText(name, timeout)));
      }, timeout);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    });
  } finally {
    end.abort();
  }
}

async function post(client: Client, request: NodeRequest): Promise<CertificateSigningRequest> {
  const { nodeName, key, signerName, usages, names = {}, repeatable, expirationSeconds } = request;
  const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  const wanted: CertificateSigningRequest = {
    metadata: repeatable ? { name: digestedName(request) } : { generateName: 'csr-' },
    spec: {
      request: Buffer.from(createRequest(key, subject, names)).toString('base64'),
      signerName,
      usages: [...usages],
      ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
    },
  };
  try {
    return await client.create(resources.certificatesigningrequests, wanted);
  } catch (error) {
    if (!repeatable || !hasReason(error, 'AlreadyExists')) throw error;
    return client.get(resources.certificatesigningrequests, { name: wanted.metadata?.name ?? '' });
  }
}

/** `node-csr-` and a hash of who asks for what. Upstream: `digestedName` in `pkg/kubelet/certificate/bootstrap`. */
function digestedName({ key, nodeName, usages, signerName }: NodeRequest): string {
  const hash = createHash('sha512').update(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  for (const part of [nodeName, signerName, ...usages]) hash.update(`${part.length}:${part}`);
  return `node-csr-${hash.digest('base64url').slice(0, 43)}`;
}

/** PEM, or undefined while nobody has signed. */
function certificateOf({ metadata, status = {} }: CertificateSigningRequest): string | undefined {
  const conditions = status.conditions ?? [];
  for (const [type, word] of [
    ['Denied', 'is denied'],
    ['Failed', 'failed'],
  ]) {
    const found = conditions.find((condition) => condition.type === type);
    if (!found) continue;
    throw new CertificateRefusedError(
      `certificate signing request ${metadata?.name} ${word}, reason: ${found.reason ?? ''}, message: ${found.message ?? ''}`,
    );
  }
  if (!status.certificate || !conditions.some(({ type }) => type === 'Approved')) return undefined;
  return Buffer.from(status.certificate, 'base64').toString('utf8');
}

function pendingText(name: string, timeout: number): string {
  return `certificate signing request ${name} was not signed within ${Math.round(timeout / 1000)} s; kubectl get csr shows it, kubectl certificate approve ${name} approves it`;
}
