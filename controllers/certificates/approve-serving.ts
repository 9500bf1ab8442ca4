import type { Again } from '../../api/queue.ts';
import type { CertificateSigningRequest, Node } from '../../api/types.ts';
import { type CertificateRequest, readRequest } from '../../api/x509/request.ts';
import type { Controller } from '../context.ts';
import { approve, isDecided, mayHave } from './approve.ts';
import { kubeletServingProblem, pemOfRequest, signers } from './kubelet.ts';

/** A Node may tell of its addresses a little later than it asks. */
const askAgain = 1_000;

/**
 * Approves a kubelet's request for a certificate to serve with, for the names and addresses of its own Node and no
 * others, where RBAC lets it have that without a human: `selfnodeserver`, which releases up to 1.9 knew. Upstream leaves
 * it to approvers of others' making, kubelet-csr-approver among them.
 */
export const startServingApprovingController: Controller = (context) => {
  const { client, informers } = context;
  const { store, onChange } = informers.certificatesigningrequests;
  const queue = context.reconciler('servingapproving', reconcile);
  onChange(({ key }) => queue.enqueue(key));
  for (const key of store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const request = store.get(key);
    if (!request || request.spec.signerName !== signers.kubeletServing || isDecided(request))
      return undefined;
    const asked = readRequest(pemOfRequest(request));
    const name = asked.subject.commonName.replace(/^system:node:/, '');
    if (!isOwn(request, asked) || !(await mayHave(client, request, 'selfnodeserver'))) return undefined;
    if (!namesNode(asked, informers.nodes.store.get(name))) return { requeueAfter: askAgain };
    const message = 'Auto approving kubelet serving certificate for the addresses of its Node.';
    await approve(client, request, message);
    return undefined;
  }
};

function isOwn({ spec }: CertificateSigningRequest, asked: CertificateRequest): boolean {
  return (
    spec.username === asked.subject.commonName &&
    kubeletServingProblem(asked, spec.usages ?? []) === undefined
  );
}

/** Whether all that it wants to be called is what its Node is called. */
export function namesNode({ names }: Pick<CertificateRequest, 'names'>, node: Node | undefined): boolean {
  const addresses = node?.status?.addresses ?? [];
  const of = (pattern: RegExp) =>
    new Set(addresses.filter(({ type }) => pattern.test(type)).map(({ address }) => address));
  const [hosts, ips] = [of(/^(Hostname|InternalDNS|ExternalDNS)$/), of(/^(InternalIP|ExternalIP)$/)];
  return names.dns.every((name) => hosts.has(name)) && names.ips.every((ip) => ips.has(ip));
}
