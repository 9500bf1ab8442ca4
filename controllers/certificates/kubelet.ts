import type { CertificateSigningRequest } from '../../api/types.ts';
import type { CertificateRequest } from '../../api/x509/request.ts';

/** The signers Kubernetes itself has; upstream: `k8s.io/api/certificates/v1`. */
export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacy: 'kubernetes.io/legacy-unknown',
} as const;

const kubeletGroup = 'system:nodes';
const kubeletPrefix = 'system:node:';

/** What is wrong with a kubelet's request for a client certificate, in upstream's words; undefined for nothing. */
export function kubeletClientProblem(
  { subject, names }: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isKubeletGroup(subject.organizations)) return 'subject organization is not system:nodes';
  if (names.dns.length > 0) return 'DNS subjectAltNames are not allowed';
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (names.ips.length > 0) return 'IP subjectAltNames are not allowed';
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!subject.commonName.startsWith(kubeletPrefix)) return notANode;
  return usageProblem(usages, 'client auth');
}

/** The same of a request for a serving certificate. */
export function kubeletServingProblem(
  { subject, names }: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isKubeletGroup(subject.organizations)) return 'subject organization is not system:nodes';
  if (names.dns.length === 0 && names.ips.length === 0) return 'DNS or IP subjectAltName is required';
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return (
    usageProblem(usages, 'server auth') ??
    (subject.commonName.startsWith(kubeletPrefix) ? undefined : notANode)
  );
}

/** What is wrong with a request for any client's certificate. */
export function clientProblem(usages: readonly string[]): string | undefined {
  const optional = ['digital signature', 'key encipherment'];
  const foreign = usages.find((usage) => usage !== 'client auth' && !optional.includes(usage));
  if (foreign !== undefined) return `invalid usage for client certificate: ${foreign}`;
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth';
}

/** The PEM of a request is base64 in the object, as bytes are in JSON. */
export function pemOfRequest({ spec }: CertificateSigningRequest): string {
  return Buffer.from(spec.request, 'base64').toString('utf8');
}

const notANode = 'subject common name does not begin with system:node:';

function isKubeletGroup(organizations: readonly string[]): boolean {
  return organizations.length === 1 && organizations[0] === kubeletGroup;
}

/** Keys that are no RSA's cannot encipher others, so that need not be asked for. */
function usageProblem(usages: readonly string[], purpose: string): string | undefined {
  const asked = new Set(usages);
  asked.delete('key encipherment');
  if (asked.size === 2 && asked.has('digital signature') && asked.has(purpose)) return undefined;
  return `usages did not match [digital signature key encipherment ${purpose}]`;
}
