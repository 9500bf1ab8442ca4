import { resources } from '../../../api/scheme.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '../../../api/types.ts';
import { readRequest } from '../../../api/x509/request.ts';
import { certificateSigningRequestColumns } from '../../table/columns/certificates.ts';
import { forbidden as refused } from '../pipeline/failures.ts';
import { timestamp } from '../pipeline/metadata.ts';
import type { Strategy, WriteContext } from '../strategy.ts';
import type { KindOptions } from './options.ts';
import { validateRequest, validateRequestChange } from './validation/certificates.ts';

/** What a request says that says nothing; validation tells of it. */
const none: CertificateSigningRequestSpec = { request: '', signerName: '' };
const clientSigner = 'kubernetes.io/kube-apiserver-client';

/**
 * Requests are what they were when they came: only their status changes, the decision through `approval`, the
 * certificate through `status`, each by who may do that for the signer. Upstream: `pkg/registry/certificates/certificates/strategy.go`.
 */
export const certificateSigningRequestStrategy = ({
  signers = () => undefined,
}: Pick<KindOptions, 'signers'>): Strategy<CertificateSigningRequest> => ({
  resource: resources.certificatesigningrequests,
  prepare(request, old, { user }) {
    if (old) {
      request.spec = old.spec;
      if (old.status) request.status = old.status;
      return;
    }
    const { username: _, uid: __, groups: ___, extra: ____, ...asked } = request.spec ?? none;
    const { uid, extra } = user;
    request.spec = {
      ...asked,
      username: user.name,
      groups: [...user.groups],
      ...(uid ? { uid } : {}),
      ...(extra && Object.keys(extra).length > 0 ? { extra: copied(extra) } : {}),
    };
    request.status = {};
    admit(request);
  },
  prepareStatus(request, old, { now, user }) {
    signers('sign', old, user);
    const before = old.status?.conditions ?? [];
    const wanted = request.status?.conditions ?? [];
    // Somebody who writes the certificate may have read the request before it was decided upon.
    const kept = ['Approved', 'Denied'].reduce((conditions, type) => keep(conditions, before, type), wanted);
    request.status = { ...request.status, conditions: stamped(kept, before, now) };
  },
  prepareApproval(request, old, { now, user }) {
    signers('approve', old, user);
    const conditions = stamped(request.status?.conditions ?? [], old.status?.conditions ?? [], now);
    request.status = { ...old.status, conditions };
    request.spec = old.spec;
  },
  validate(request, old, { subresource, version }) {
    // Who has such a signer already got it in the beta.
    const mayBeLegacy = version === 'v1beta1' || old?.spec.signerName === request.spec?.signerName;
    const errors = validateRequest(request, mayBeLegacy);
    return old ? [...errors, ...validateRequestChange(request, old, subresource)] : errors;
  },
  selectableFields: ({ spec }) => ({ 'spec.signerName': spec.signerName }),
  columns: certificateSigningRequestColumns,
});

/** Nobody becomes `system:masters` by a request. Upstream: `plugin/pkg/admission/certificates/subjectrestriction`. */
function admit({ metadata, spec }: CertificateSigningRequest): void {
  if (spec.signerName !== clientSigner || !organizationsOf(spec).includes('system:masters')) return;
  throw refused(
    resources.certificatesigningrequests,
    metadata?.name ?? '',
    `use of ${clientSigner} signer with system:masters group is not allowed`,
  );
}

function organizationsOf({ request }: CertificateSigningRequestSpec): readonly string[] {
  try {
    return readRequest(Buffer.from(request, 'base64').toString('utf8')).subject.organizations;
  } catch {
    // Validation, which is next, says what is wrong with it.
    return [];
  }
}

function copied(extra: NonNullable<WriteContext['user']['extra']>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}

/** The conditions of a decisive `type` as they were, where there are as many. */
function keep(
  wanted: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
  type: string,
): CertificateSigningRequestCondition[] {
  const old = before.filter((condition) => condition.type === type);
  if (wanted.filter((condition) => condition.type === type).length !== old.length) return [...wanted];
  return wanted.map((condition) => (condition.type === type ? (old.shift() ?? condition) : condition));
}

/** Fills in times that were not given. */
function stamped(
  wanted: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
  now: Date,
): CertificateSigningRequestCondition[] {
  return wanted.map((condition) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? timestamp(now),
      lastTransitionTime: condition.lastTransitionTime ?? same?.lastTransitionTime ?? timestamp(now),
    };
  });
}
