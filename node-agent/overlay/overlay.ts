import type { Node } from '../../api/types.ts';

/** What an overlay must know of the node it runs on. */
export interface LocalNode {
  name: string;
  podCidrs: readonly string[];
  nodeIps: readonly string[];
  clusterCidrs: readonly string[];
}

/** A link of the node as `ip -json -details address` shows it: the part that plans look at. */
export interface LinkState {
  ifname: string;
  address?: string;
  mtu?: number;
  flags?: string[];
  addr_info?: { local: string; prefixlen: number }[];
  linkinfo?: {
    info_kind?: string;
    info_data?: { id?: number; local?: string; local6?: string; port?: number };
  };
}

/** The node's own end of an overlay, not made yet. */
export interface OverlayPlan {
  /** `ip` commands that make it, or what is missing of it. */
  commands: string[];
  /** What tells the other nodes about it. */
  annotations: Record<string, string>;
}

/** How packets for other nodes' pods find their way; one per node. Upstream: flannel `pkg/backend`. */
export interface Overlay {
  /** Plans the node's own end, to be made before {@link sync} is called. */
  plan(local: LocalNode, links: readonly LinkState[]): OverlayPlan;
  /**
   * Brings the kernel in line with the cluster's nodes, own node possibly among them. What this process has
   * written is trusted, unless `verify` asks to look at the kernel again.
   */
  sync(nodes: readonly Node[], options?: { verify?: boolean }): Promise<void>;
}

/** Prefix of the annotations that flannel keeps on a Node. */
export const annotationPrefix = 'flannel.alpha.coreos.com';

/** The podCIDRs of a Node; empty until it has been given one. */
export function podCidrsOf(node: Node | undefined): string[] {
  const { podCIDR, podCIDRs } = node?.spec ?? {};
  return podCIDRs ?? (podCIDR ? [podCIDR] : []);
}
