import { type Cidr, contains, type Family, familyOf } from '../../api/address.ts';
import type { NftFamily } from '../../kernel/nft.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import {
  type DetectLocal,
  localDetector,
  type NodePortAddresses,
  nodePortAddresses,
} from '../model/detector.ts';
import { type Topology, topologyOf } from '../model/topology.ts';
import type { NodeFacts } from '../node.ts';

/** How rules tell traffic of this cluster's pods: the piece of a rule, and its opposite. */
export interface Detector {
  readonly local: string;
  readonly notLocal: string;
}

/** Everything but Services and endpoints that rules depend on. */
export interface RuleContext {
  readonly family: Family;
  /** `ip` or `ip6`: the table's family, and what stands before `saddr` and `daddr`. */
  readonly ip: NftFamily;
  /** `ipv4_addr` or `ipv6_addr`. */
  readonly address: string;
  readonly topology: Topology;
  /** Undefined where nothing is known of pods' addresses. */
  readonly detector: Detector | undefined;
  readonly masqueradeAll: boolean;
  /** `0x4000`: the bit that asks for masquerading. */
  readonly mark: string;
  readonly nodePorts: NodePortAddresses;
  /** The ranges ClusterIPs are taken from; empty when not known. */
  readonly serviceCIDRs: readonly string[];
  /** Whether the node's own address lies in one of the ranges. */
  inRanges(ranges: readonly Cidr[]): boolean;
}

export function ruleContext(
  { nftables, detectLocal, featureGates, nodePortAddresses: configured }: ProxyConfiguration,
  node: NodeFacts,
  family: Family,
): RuleContext {
  // In this mode node ports answer on the node's primary addresses unless told otherwise.
  const addresses = configured.length > 0 ? configured : ['primary'];
  const nodeIp = node.ips.find((ip) => familyOf(ip) === family);
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  return {
    family,
    ip,
    address: family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr',
    topology: topologyOf(node, featureGates),
    detector: detectorFor(detectLocal, node, family, ip),
    masqueradeAll: nftables.masqueradeAll,
    mark: `0x${(2 ** nftables.masqueradeBit).toString(16)}`,
    nodePorts: nodePortAddresses(addresses, node.ips, node.localAddresses, family),
    serviceCIDRs: (node.serviceCIDRs ?? []).filter((cidr) => familyOf(cidr.split('/')[0] ?? '') === family),
    inRanges: (ranges) => nodeIp !== undefined && ranges.some((range) => contains(range, nodeIp)),
  };
}

function detectorFor(
  detect: DetectLocal,
  { podCIDRs }: NodeFacts,
  family: Family,
  ip: NftFamily,
): Detector | undefined {
  if (detect.mode === 'BridgeInterface') return match('iifname', `"${detect.bridgeInterface}"`);
  if (detect.mode === 'InterfaceNamePrefix') return match('iifname', `"${detect.interfaceNamePrefix}*"`);
  const cidr = localDetector(detect, podCIDRs, family)?.match.replace('-s ', '');
  return cidr === undefined ? undefined : match(`${ip} saddr`, cidr);
}

const match = (what: string, value: string): Detector => ({
  local: `${what} ${value}`,
  notLocal: `${what} != ${value}`,
});
