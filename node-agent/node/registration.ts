import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Lease, Node } from '../../api/types.ts';
import { type NodeIdentity, nodeObject, nodeStatus } from './status.ts';

/** Creates the Node, or brings the labels of one that exists up to date. */
export async function registerNode(client: Client, identity: NodeIdentity): Promise<Node> {
  const node = nodeObject(identity);
  try {
    return await client.create(resources.nodes, node);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const labels = node.metadata?.labels;
    return client.patch(resources.nodes, { name: identity.name }, 'merge', { metadata: { labels } });
  }
}

/** Tells the API how the node is. */
export async function reportNode(
  client: Client,
  { name, ips }: NodeIdentity,
  before: Node | undefined,
  networkReady: boolean,
): Promise<void> {
  const status = nodeStatus(name, ips, before?.status, networkReady, new Date());
  await client.patch(resources.nodes, { name, subresource: 'status' }, 'merge', { status });
}

export const leaseSeconds = 40;
const leaseNamespace = 'kube-node-lease';

/** Shows that the node is alive; called every quarter of {@link leaseSeconds}. */
export async function renewLease(client: Client, node: Node): Promise<void> {
  const name = node.metadata?.name ?? '';
  const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`;
  try {
    await client.patch(resources.leases, { name, namespace: leaseNamespace }, 'merge', {
      spec: { holderIdentity: name, renewTime },
    });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    const lease: Lease = {
      metadata: {
        name,
        namespace: leaseNamespace,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata?.uid ?? '' }],
      },
      spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
    };
    await client.create(resources.leases, lease);
  }
}
