import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Lease, Node } from '../../api/types.ts';
import { type NodeIdentity, nodeMetadata, nodeObject, nodeStatus } from './status.ts';

/** Creates the Node unless it is there. One that is gets the labels that all nodes have with the first {@link reportNode}. */
export async function registerNode(
  client: Client,
  identity: NodeIdentity,
  existing: Node | undefined,
): Promise<Node> {
  if (existing) return existing;
  try {
    return await client.create(resources.nodes, nodeObject(identity));
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    return client.get(resources.nodes, { name: identity.name });
  }
}

/** Tells the API how the node is, and the labels that all nodes have; all in one write, as kubelet patches status and metadata together. */
export async function reportNode(
  client: Client,
  identity: NodeIdentity,
  before: Node | undefined,
  networkReady: boolean,
  annotations: Record<string, string> = {},
): Promise<void> {
  const { name, ips, images, maxPods, pressure } = identity;
  // Others it had when it registered; who takes one off means it.
  const metadata = nodeMetadata({ name });
  const status = nodeStatus(
    name,
    ips,
    before?.status,
    networkReady,
    new Date(),
    images?.(),
    maxPods,
    pressure?.(),
  );
  const gone = Object.keys(before?.status?.allocatable ?? {}).filter((one) => !status.allocatable?.[one]);
  await client.patch(resources.nodes, { name, subresource: 'status' }, 'merge', {
    metadata: { labels: metadata.labels, annotations: { ...metadata.annotations, ...annotations } },
    status: {
      ...status,
      allocatable: { ...status.allocatable, ...Object.fromEntries(gone.map((one) => [one, null])) },
    },
  });
}

export const leaseSeconds = 40;
const leaseNamespace = 'kube-node-lease';

/** Shows that the node is alive; called every quarter of {@link leaseSeconds}. The first time it makes the Lease. */
export async function renewLease(client: Client, node: Node, first: boolean): Promise<void> {
  const name = node.metadata?.name ?? '';
  const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`;
  const lease: Lease = {
    metadata: {
      name,
      namespace: leaseNamespace,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata?.uid ?? '' }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime },
  };
  const create = () => client.create(resources.leases, lease);
  const renew = () =>
    client.patch(resources.leases, { name, namespace: leaseNamespace }, 'merge', {
      spec: { holderIdentity: name, renewTime },
    });
  const [one, other, expected] = first
    ? ([create, renew, 'AlreadyExists'] as const)
    : ([renew, create, 'NotFound'] as const);
  await one().catch((error: unknown) => {
    if (!hasReason(error, expected)) throw error;
    return other();
  });
}
