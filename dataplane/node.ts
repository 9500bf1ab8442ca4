import { canonicalAddress, familyOf } from '../api/address.ts';
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

/**
 * What a Node object tells of a node; `ips` go before its addresses of their family. Of each family one address
 * of the object counts, an InternalIP before an ExternalIP. A missing Node tells nothing. Upstream:
 * `GetNodeHostIPs` of `pkg/util/node`, `detectNodeIPs` of `cmd/kube-proxy/app/server.go`.
 */
export function nodeFacts(
  name: string,
  node: Node | undefined,
  {
    ips = [],
    localAddresses,
  }: { ips?: readonly string[] | undefined; localAddresses?: readonly string[] } = {},
): NodeFacts {
  const { spec = {}, status = {}, metadata = {} } = node ?? {};
  const given = ips.map((ip) => canonicalAddress(ip) ?? ip);
  const known = (['InternalIP', 'ExternalIP'] as const).flatMap((type) =>
    (status.addresses ?? []).flatMap((one) =>
      one.type === type ? (canonicalAddress(one.address) ?? []) : [],
    ),
  );
  const own = [...given];
  for (const ip of known) if (!own.some((one) => familyOf(one) === familyOf(ip))) own.push(ip);
  return {
    name,
    labels: metadata.labels ?? {},
    ips: own,
    podCIDRs: spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []),
    localAddresses: localAddresses ?? [...new Set(['127.0.0.1', '::1', ...own, ...known])],
  };
}
