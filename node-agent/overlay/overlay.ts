import type { Node } from '../../api/types.ts';

/** What an overlay must know of the node it runs on. */
export interface LocalNode {
  name: string;
  podCidrs: readonly string[];
  nodeIps: readonly string[];
  clusterCidrs: readonly string[];
}

/** How packets for other nodes' pods find their way; one per node. Upstream: flannel `pkg/backend`. */
export interface Overlay {
  /** Makes the node's own end. Resolves with the annotations that tell the other nodes about it. */
  start(local: LocalNode): Promise<Record<string, string>>;
  /** Brings the kernel in line with the cluster's nodes, whatever it was before. Own node may be among them. */
  sync(nodes: readonly Node[]): Promise<void>;
}

/** Prefix of the annotations that flannel keeps on a Node. */
export const annotationPrefix = 'flannel.alpha.coreos.com';

/** The podCIDRs of a Node; empty until it has been given one. */
export function podCidrsOf(node: Node | undefined): string[] {
  const { podCIDR, podCIDRs } = node?.spec ?? {};
  return podCIDRs ?? (podCIDR ? [podCIDR] : []);
}
