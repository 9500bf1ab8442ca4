import { resources } from '../../api/scheme.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { type Issuer, readIssuer, signCertificate } from '../../api/x509/certificate.ts';
import { type CertificateRequest, readRequest } from '../../api/x509/request.ts';
import { usagesOf } from '../../api/x509/usages.ts';
import type { Controller } from '../context.ts';
import { timestamp } from '../pod.ts';
import {
  clientProblem,
  kubeletClientProblem,
  kubeletServingProblem,
  pemOfRequest,
  signers,
} from './kubelet.ts';

/** No certificate is asked to be shorter. */
const shortest = 600_000;
/** Those who get a certificate may have clocks that are behind. */
const longestBackdate = 300_000;
/** Shorter ones live whole from now on; longer ones from their beginning in the past. */
const shortLived = 8 * 3_600_000;

/** What each signer takes; undefined is nothing wrong. */
const problemOf: Readonly<
  Record<string, (request: CertificateRequest, usages: readonly string[]) => string | undefined>
> = {
  [signers.client]: (_, usages) => clientProblem(usages),
  [signers.kubeletClient]: kubeletClientProblem,
  [signers.kubeletServing]: kubeletServingProblem,
  // Whatever somebody approved.
  [signers.legacy]: () => undefined,
};

/**
 * Signs approved requests with the cluster's CA, for the four signers of Kubernetes. A request that its signer does
 * not take becomes Failed. Upstream: `pkg/controller/certificates/signer`.
 */
export const startCsrSigningController: Controller = ({ client, informers, reconciler, settings }) => {
  const { clusterSigning, clusterSigningMs } = settings;
  if (!clusterSigning) return;
  let issuer: Issuer | undefined;
  const { store, onChange } = informers.certificatesigningrequests;
  const queue = reconciler('csrsigning', async (key) => {
    const request = store.get(key);
    if (!request || !isToBeSigned(request)) return;
    const { signerName, usages = [], expirationSeconds } = request.spec;
    const asked = readRequest(pemOfRequest(request));
    const { status = {} } = request;
    const problem = problemOf[signerName]?.(asked, usages);
    issuer ??= readIssuer(clusterSigning.cert, clusterSigning.key);
    const answer =
      problem === undefined
        ? { certificate: sign(asked, usages, issuer, lifetime(expirationSeconds, clusterSigningMs)) }
        : { conditions: [...(status.conditions ?? []), failed(problem)] };
    const changed = { ...request, status: { ...status, ...answer } };
    await client.update(resources.certificatesigningrequests, changed, 'status');
  });
  onChange(({ key }) => queue.enqueue(key));
  for (const key of store.keys()) queue.enqueue(key);
};

function isToBeSigned({ spec, status = {} }: CertificateSigningRequest): boolean {
  const isTrue = (wanted: string) =>
    (status.conditions ?? []).some(({ type, status }) => type === wanted && status === 'True');
  return (
    spec.signerName in problemOf &&
    !status.certificate &&
    isTrue('Approved') &&
    !isTrue('Denied') &&
    !isTrue('Failed')
  );
}

function failed(message: string) {
  const lastUpdateTime = timestamp(new Date());
  return { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message, lastUpdateTime };
}

/** Milliseconds: what was asked for, but not longer than signing goes. */
function lifetime(seconds: number | undefined, longest: number): number {
  return seconds === undefined ? longest : Math.min(Math.max(seconds * 1000, shortest), longest);
}

/** PEM, base64 as bytes are in JSON. */
function sign(
  { rawSubject, publicKeyInfo, names }: CertificateRequest,
  usages: readonly string[],
  issuer: Issuer,
  life: number,
): string {
  const now = Date.now();
  if (now >= issuer.notAfter) {
    throw new Error(`the cluster's CA has expired at ${new Date(issuer.notAfter).toISOString()}`);
  }
  // Of one that lives for minutes only a part, or it would look old when it is new.
  const backdate = Math.min(longestBackdate, life / 12);
  const end = now + life - (life < shortLived ? 0 : backdate);
  const pem = signCertificate(
    {
      rawSubject,
      publicKeyInfo,
      names,
      notBefore: new Date(now - backdate),
      notAfter: new Date(Math.min(end, issuer.notAfter)),
      usages: usagesOf(usages),
    },
    issuer,
  );
  return Buffer.from(pem).toString('base64');
}
