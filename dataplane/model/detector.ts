import { type Cidr, cidrOf, contains, type Family } from '../../api/address.ts';

/**
 * How rules tell traffic that comes from this cluster's pods. `match` is the piece of an iptables rule,
 * `negated` its opposite. Undefined where nothing is known: then no such rule is written.
 */
export interface LocalDetector {
  readonly match: string;
  readonly negated: string;
}

/** The four modes of KubeProxyConfiguration's `detectLocalMode`. */
export interface DetectLocal {
  readonly mode: 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix';
  /** One or two CIDRs, comma-separated: `clusterCIDR`. */
  readonly clusterCIDR: string;
  readonly bridgeInterface: string;
  readonly interfaceNamePrefix: string;
}

/** The detector of one family, or undefined. `podCIDRs` are the own Node's. Upstream: `pkg/proxy/util/localdetector.go`. */
export function localDetector(
  { mode, clusterCIDR, bridgeInterface, interfaceNamePrefix }: DetectLocal,
  podCIDRs: readonly string[],
  family: Family,
): LocalDetector | undefined {
  switch (mode) {
    case 'ClusterCIDR':
      return bySource(clusterCIDR.split(','), family);
    case 'NodeCIDR':
      return bySource(podCIDRs, family);
    case 'BridgeInterface':
      return { match: `-i ${bridgeInterface}`, negated: `! -i ${bridgeInterface}` };
    case 'InterfaceNamePrefix':
      return { match: `-i ${interfaceNamePrefix}+`, negated: `! -i ${interfaceNamePrefix}+` };
  }
}

function bySource(cidrs: readonly string[], family: Family): LocalDetector | undefined {
  const cidr = cidrs.map((text) => cidrOf(text)).find((one) => one?.family === family);
  return cidr && { match: `-s ${cidr.text}`, negated: `! -s ${cidr.text}` };
}

/** On which of the node's addresses node ports answer: `all`, or these. */
export interface NodePortAddresses {
  readonly all: boolean;
  readonly addresses: readonly string[];
  /** Whether 127.0.0.0/8 is among them (IPv4 only). */
  readonly loopback: boolean;
}

/**
 * Reads `nodePortAddresses`: CIDRs, or `primary` for the Node's own addresses. Without a CIDR of this
 * family every address answers. Upstream: `pkg/proxy/util/nodeport_addresses.go`.
 *
 * @param local every address of the node's interfaces, loopback included.
 */
export function nodePortAddresses(
  configured: readonly string[],
  nodeIps: readonly string[],
  local: readonly string[],
  family: Family,
): NodePortAddresses {
  const texts =
    configured[0] === 'primary' ? nodeIps.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`) : configured;
  const cidrs = texts.map((text) => cidrOf(text)).filter((cidr) => cidr?.family === family) as Cidr[];
  const all = cidrs.length === 0 || cidrs.some((cidr) => cidr.bits === 0);
  const loopback = family === 'IPv4' && (all || cidrs.some(touchesLoopback));
  const addresses = all ? [] : local.filter((ip) => cidrs.some((cidr) => contains(cidr, ip)));
  return { all, addresses: [...new Set(addresses)].sort(), loopback };
}

function touchesLoopback(cidr: Cidr): boolean {
  return cidr.text.startsWith('127.') || contains(cidr, '127.0.0.0');
}
