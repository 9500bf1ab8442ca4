import type { KubeObject } from '../../../api/object.ts';
import type { CertificateSigningRequest, CertificateSigningRequestSpec } from '../../../api/types.ts';
import { readRequest } from '../../../api/x509/request.ts';

const unknownSigner = 'kubernetes.io/legacy-unknown';

/**
 * A request of `certificates.k8s.io/v1beta1` in version 1: there nobody had to name a signer, nor what the certificate is
 * for. Upstream: `pkg/apis/certificates/v1beta1/defaults.go`.
 */
export function requestOfOld({
  spec,
  status,
  ...object
}: CertificateSigningRequest): CertificateSigningRequest {
  const usages = spec?.usages?.length ? spec.usages : ['digital signature', 'key encipherment'];
  const known = { ...spec, request: spec?.request ?? '', usages };
  const conditions = status?.conditions?.map(({ status, ...condition }) => ({
    ...condition,
    status: status || 'True',
  }));
  return {
    ...object,
    spec: { ...known, signerName: spec?.signerName || signerOf(known) },
    ...(status ? { status: { ...status, ...(conditions ? { conditions } : {}) } } : {}),
  };
}

export function oldRequest(object: CertificateSigningRequest): KubeObject {
  return { ...object, apiVersion: 'certificates.k8s.io/v1beta1' };
}

/** Kubelets' are told by whom they name and what they are for. */
function signerOf({ request, usages }: Pick<CertificateSigningRequestSpec, 'request' | 'usages'>): string {
  const asked = namesOf(request);
  if (!asked?.isNode) return unknownSigner;
  const isFor = (usage: string) => usages?.includes(usage) ?? false;
  if (isFor('client auth') && !isFor('server auth') && !asked.hasNames)
    return 'kubernetes.io/kube-apiserver-client-kubelet';
  if (isFor('server auth') && !isFor('client auth') && asked.hasNames) return 'kubernetes.io/kubelet-serving';
  return unknownSigner;
}

function namesOf(request: string): { isNode: boolean; hasNames: boolean } | undefined {
  try {
    const { subject, names } = readRequest(Buffer.from(request, 'base64').toString('utf8'));
    const [organization, ...others] = subject.organizations;
    const isNode =
      organization === 'system:nodes' &&
      others.length === 0 &&
      (subject.commonName ?? '').startsWith('system:node:');
    return { isNode, hasNames: Object.values(names).some((list) => list.length > 0) };
  } catch {
    // What cannot be read is refused when it is validated.
    return undefined;
  }
}
