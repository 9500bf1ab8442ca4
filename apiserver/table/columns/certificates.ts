import type { CertificateSigningRequest } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { humanDuration } from '../duration.ts';
import { ageColumn, column, nameColumn, orNone } from './common.ts';

/** Upstream: `printCertificateSigningRequest` in `pkg/printers/internalversion/printers.go`. */
export const certificateSigningRequestColumns: readonly Column<CertificateSigningRequest>[] = [
  nameColumn,
  ageColumn,
  column('SignerName', 'Who is asked to sign.', ({ spec }) => orNone(spec.signerName)),
  column('Requestor', 'The user who asked.', ({ spec }) => spec.username ?? ''),
  column('RequestedDuration', 'How long the certificate is to be good.', ({ spec }) =>
    spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
  ),
  column('Condition', 'What has become of the request.', condition),
];

function condition({ status = {} }: CertificateSigningRequest): string {
  const has = (wanted: string) => (status.conditions ?? []).some(({ type }) => type === wanted);
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${status.certificate ? ',Issued' : ''}`;
}
