import { contains, type Family, familyOf, parseCidr } from '../../api/address.ts';
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
  /** The largest packet of a pod that gets through to another node's whole. */
  mtu: number;
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

/** Where a node says that others reach it: the annotation that flannel writes for the family. */
export const publicIpKey = (family: Family): string =>
  `${annotationPrefix}/${family === 'IPv6' ? 'public-ipv6' : 'public-ip'}`;

/** Where another node's pods are, and how it is reached itself; undefined while it has not said so. */
export function leaseOf(node: Node, family: Family): { podCidr: string; publicIp: string } | undefined {
  const publicIp = node.metadata?.annotations?.[publicIpKey(family)];
  const podCidr = podCidrsOf(node).find((cidr) => parseCidr(cidr).family === family);
  return publicIp && podCidr ? { podCidr, publicIp } : undefined;
}

/** One family of the node: its pods' network, and the address on the underlay that goes with it. */
export interface LocalFamily {
  family: Family;
  podCidr: string;
  nodeIp: string;
}

/** The families in which the node has both pods and an address. */
export function familiesOf({ podCidrs, nodeIps }: LocalNode): LocalFamily[] {
  return podCidrs.flatMap((podCidr) => {
    const { family } = parseCidr(podCidr);
    const nodeIp = nodeIps.find((ip) => familyOf(ip) === family);
    return nodeIp ? [{ family, podCidr, nodeIp }] : [];
  });
}

/** The link that has the node's address. Throws where none has. */
export function uplinkOf(links: readonly LinkState[], nodeIp: string): LinkState {
  const uplink = links.find((link) => link.addr_info?.some(({ local }) => local === nodeIp));
  if (!uplink) throw new Error(`no interface of this node has the address ${nodeIp}`);
  return uplink;
}

/** Whether an address is reached over the uplink without a router in between. */
export function isOnLink({ addr_info = [] }: LinkState, address: string): boolean {
  return addr_info.some(
    ({ local, prefixlen }) =>
      Number.isInteger(prefixlen) && contains(parseCidr(`${local}/${prefixlen}`), address),
  );
}

/** Ethernet's, where the uplink does not say. */
export const usualMtu = 1500;
