import { resources } from '../../api/scheme.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { forbidden } from '../registry/pipeline/failures.ts';
import type { Authorize } from './authorize.ts';
import type { User } from './user.ts';

/** Looks at who decides about a certificate signing request, or answers it. Throws StatusError Forbidden. */
export type SignerCheck = (verb: 'approve' | 'sign', request: CertificateSigningRequest, user: User) => void;

/**
 * Who approves or signs needs the right to that of the signer, or of all signers of its domain. Upstream:
 * `plugin/pkg/admission/certificates/{approval,signing}`.
 */
export function createSignerCheck(authorize: Authorize): SignerCheck {
  return (verb, { metadata, spec }, user) => {
    const { signerName } = spec;
    const resource = resources.certificatesigningrequests;
    const [domain = ''] = signerName.split('/');
    const may = (name: string) =>
      authorize(user, { verb, group: resource.group, resource: 'signers', name }).allowed;
    if (may(signerName) || may(`${domain}/*`)) return;
    throw forbidden(
      resource,
      metadata?.name ?? '',
      `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
    );
  };
}
