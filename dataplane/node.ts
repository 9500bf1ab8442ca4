import { canonicalAddress } from '../api/address.ts';
import type { Node } from '../api/types.ts';

/** What a proxy has to know of the node it runs on. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The Node's own addresses; the first one of a family is the node IP. */
  readonly ips: readonly string[];
  readonly podCIDRs: readonly string[];
  /** Every address of the node's interfaces, loopback included; needed only with `nodePortAddresses`. */
  readonly localAddresses: readonly string[];
  /** The ranges ClusterIPs are taken from, of both families; missing when not known. */
  readonly serviceCIDRs?: readonly string[];
}

/** What a Node object tells of a node; `ips` stand in for its InternalIPs. A missing Node tells nothing. */
export function nodeFacts(
  name: string,
  node: Node | undefined,
  { ips, localAddresses }: { ips?: readonly string[] | undefined; localAddresses?: readonly string[] } = {},
): NodeFacts {
  const { spec = {}, status = {}, metadata = {} } = node ?? {};
  const internal = (status.addresses ?? [])
    .filter((one) => one.type === 'InternalIP')
    .map((one) => one.address);
  const own = (ips?.length ? ips : internal).map((ip) => canonicalAddress(ip) ?? ip);
  return {
    name,
    labels: metadata.labels ?? {},
    ips: own,
    podCIDRs: spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []),
    localAddresses: localAddresses ?? ['127.0.0.1', '::1', ...own],
  };
}
