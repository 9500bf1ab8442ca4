import { type Cidr, contains, type Family, familyOf } from '../../api/address.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import {
  type LocalDetector,
  localDetector,
  type NodePortAddresses,
  nodePortAddresses,
} from '../model/detector.ts';
import { type Topology, topologyOf } from '../model/topology.ts';
import type { NodeFacts } from '../node.ts';
import { type Dialect, dialectOf } from './dialect.ts';

/** Everything but Services and endpoints that rules depend on. */
export interface RuleContext {
  /** The release whose rules are written. */
  readonly dialect: Dialect;
  readonly family: Family;
  readonly topology: Topology;
  readonly detector: LocalDetector | undefined;
  readonly masqueradeAll: boolean;
  /** `0x4000`: the bit that asks for masquerading. */
  readonly mark: string;
  readonly localhostNodePorts: boolean;
  readonly nodePorts: NodePortAddresses;
  /** False where conntrack runs in liberal mode. */
  readonly dropInvalid: boolean;
  /** Whether nfacct objects count what upstream counts; this needs nfnetlink_acct in the kernel. */
  readonly counters: boolean;
  /** More than a thousand endpoints: comments at endpoints are left out. */
  readonly large: boolean;
  /** Whether the node's own address lies in one of the ranges. */
  inRanges(ranges: readonly Cidr[]): boolean;
}

/** Number of endpoints above which upstream saves on comments (`largeClusterEndpointsThreshold`). */
export const largeClusterEndpoints = 1_000;

/** Throws a RangeError when there is no such release to emulate. */
export function ruleContext(
  configuration: ProxyConfiguration,
  node: NodeFacts,
  family: Family,
  {
    endpoints = 0,
    counters = false,
    liberal = configuration.conntrack.tcpBeLiberal,
    emulatedVersion = undefined as string | undefined,
  } = {},
): RuleContext {
  const { iptables, detectLocal, featureGates } = configuration;
  const nodePorts = nodePortAddresses(configuration.nodePortAddresses, node.ips, node.localAddresses, family);
  const nodeIp = node.ips.find((ip) => familyOf(ip) === family);
  return {
    dialect: dialectOf(emulatedVersion),
    family,
    topology: topologyOf(node, featureGates),
    detector: localDetector(detectLocal, node.podCIDRs, family),
    masqueradeAll: iptables.masqueradeAll,
    mark: `0x${(2 ** iptables.masqueradeBit).toString(16)}`,
    localhostNodePorts: iptables.localhostNodePorts && nodePorts.loopback,
    nodePorts,
    dropInvalid: !liberal,
    counters,
    large: endpoints > largeClusterEndpoints,
    inRanges: (ranges) => nodeIp !== undefined && ranges.some((range) => contains(range, nodeIp)),
  };
}
