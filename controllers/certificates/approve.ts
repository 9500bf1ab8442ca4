import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import type { CertificateSigningRequest, SubjectAccessReview } from '../../api/types.ts';
import { type CertificateRequest, readRequest } from '../../api/x509/request.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { kubeletClientProblem, pemOfRequest, signers } from './kubelet.ts';

/** How long to wait before somebody is asked again whether the requestor may: a binding may come later. */
const askAgain = 30_000;

/**
 * Approves a kubelet's requests for client certificates where RBAC lets the requestor have them without a human:
 * `selfnodeclient` for one's own renewal, `nodeclient` for a first one. Upstream: `pkg/controller/certificates/approver`.
 */
export const startCsrApprovingController: Controller = (context) => {
  const { client, informers } = context;
  const { store, onChange } = informers.certificatesigningrequests;
  const queue = context.reconciler('csrapproving', reconcile);
  onChange(({ key }) => queue.enqueue(key));
  for (const key of store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const request = store.get(key);
    if (!request || isDecided(request)) return undefined;
    const kinds = recognize(request, readRequest(pemOfRequest(request)));
    for (const { subresource, message } of kinds) {
      if (!(await mayHave(client, request, subresource))) continue;
      await approve(client, request, message);
      return undefined;
    }
    return kinds.length > 0 ? { requeueAfter: askAgain } : undefined;
  }
};

/** Writes the condition for which signers wait. */
export async function approve(
  client: ControllerContext['client'],
  request: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const { status = {} } = request;
  const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  const conditions = [...(status.conditions ?? []), approved];
  await client.update(
    resources.certificatesigningrequests,
    { ...request, status: { ...status, conditions } },
    'approval',
  );
}

/** Whether it is approved or denied. */
export function isDecided({ status = {} }: CertificateSigningRequest): boolean {
  return Boolean(
    status.certificate || status.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied'),
  );
}

/** As what a request may be approved; RBAC knows each by a subresource. */
function recognize(
  { spec }: CertificateSigningRequest,
  request: CertificateRequest,
): { subresource: string; message: string }[] {
  if (spec.signerName !== signers.kubeletClient) return [];
  if (kubeletClientProblem(request, spec.usages ?? []) !== undefined) return [];
  const first = {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  const own = {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  return spec.username === request.subject.commonName ? [own, first] : [first];
}

/** Asks RBAC, by a subresource, whether the requestor may have it. */
export async function mayHave(
  client: ControllerContext['client'],
  { spec }: CertificateSigningRequest,
  subresource: string,
): Promise<boolean> {
  const { username = '', uid, groups, extra } = spec;
  const { group, name: resource } = resources.certificatesigningrequests;
  const { status } = await client.request<SubjectAccessReview>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: username,
        ...(uid ? { uid } : {}),
        ...(groups ? { groups } : {}),
        ...(extra ? { extra } : {}),
        resourceAttributes: { group, resource, subresource, verb: 'create' },
      },
    },
  );
  return status?.allowed === true;
}
