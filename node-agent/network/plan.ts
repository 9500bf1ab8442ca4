import { createHash } from 'node:crypto';
import { parseCidr } from '../../api/address.ts';
import type { LinkState } from '../overlay/overlay.ts';
import { gatewayOf } from './ipam.ts';

/** The bridge that flannel's CNI plugin makes. */
export const defaultBridge = 'cni0';

/** What all pods of a node are attached to. */
export interface Bridge {
  name: string;
  /** Of the bridge and of the pods' links: what the overlay leaves of the underlay's. */
  mtu: number;
}

/** One pod's place on its node. */
export interface PodNetwork {
  /** Name below `/run/netns`. */
  netns: string;
  /** Name of the host's end of the pair. */
  veth: string;
  /** The pod's addresses, in the order of the node's podCIDRs. */
  ips: readonly string[];
}

/** Names follow from the pod's uid, so that an interrupted set-up is found again and repaired. */
export function podNetwork(uid: string, ips: readonly string[]): PodNetwork {
  const hash = createHash('sha256').update(uid).digest('hex').slice(0, 8);
  return { netns: `cni-${uid}`, veth: `veth${hash}`, ips };
}

/**
 * The MAC address that goes with an address, so that who needs it need not ask: as CNI's bridge and ptp gave them, `0a:58`
 * and the four bytes of IPv4 (upstream: containernetworking/plugins `pkg/utils/hwaddr`); of IPv6, four bytes of its hash.
 */
export function hardwareAddress(ip: string): string {
  const bytes = ip.includes(':')
    ? [...createHash('sha256').update(ip).digest().subarray(0, 4)]
    : ip.split('.').map(Number);
  return `0a:58:${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
}

/** Of a node's bridge: that of its first gateway address. */
const bridgeMac = ([first = '']: readonly string[]) => hardwareAddress(gatewayOf(first));

/** `ip` commands that make the node's bridge as it should be; none when it is. */
export function bridgeCommands(
  { name, mtu }: Bridge,
  links: readonly LinkState[],
  podCidrs: readonly string[],
): string[] {
  const bridge = links.find(({ ifname }) => ifname === name);
  const mac = bridgeMac(podCidrs);
  const settings = [
    ...(bridge?.address === undefined || bridge.address === mac ? [] : [`address ${mac}`]),
    ...(bridge?.mtu === undefined || bridge.mtu === mtu ? [] : [`mtu ${mtu}`]),
    ...(bridge?.flags?.includes('UP') ? [] : ['up']),
  ];
  const wanted = podCidrs.map((cidr) => `${gatewayOf(cidr)}/${parseCidr(cidr).bits}`);
  const present = (bridge?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return [
    ...(bridge ? [] : [`link add ${name} address ${mac} mtu ${mtu} type bridge`]),
    ...present
      .filter((address) => !wanted.includes(address) && !address.startsWith('fe80:'))
      .map((address) => `address del ${address} dev ${name}`),
    ...wanted
      .filter((address) => !present.includes(address))
      .map((address) => `address add ${address} ${broadcastOrNodad(address)} dev ${name}`),
    ...(settings.length > 0 ? [`link set ${name} ${settings.join(' ')}`] : []),
  ];
}

/**
 * In the node: namespace and pair. Hairpin lets a pod reach itself through its own Service. The pod's neighbour entries are
 * permanent, as its own of the gateway: the kernel has room for 1,024 others in all namespaces together, and nobody asks.
 */
export function attachCommands({ netns, veth, ips }: PodNetwork, { name, mtu }: Bridge): string[] {
  const [first] = ips;
  const mac = first === undefined ? undefined : hardwareAddress(first);
  return [
    `netns add ${netns}`,
    `link add ${veth} mtu ${mtu} type veth peer name eth0${mac ? ` address ${mac}` : ''} mtu ${mtu} netns ${netns}`,
    `link set ${veth} master ${name} up`,
    `link set ${veth} type bridge_slave hairpin on`,
    ...ips.map((ip) => `neighbour replace ${ip} lladdr ${mac} dev ${name} nud permanent`),
  ];
}

/** In the pod: its end, with the routes that flannel's CNI plugin gives. */
export function podCommands(
  { ips }: PodNetwork,
  podCidrs: readonly string[],
  clusterCidrs: readonly string[],
): string[] {
  const mac = bridgeMac(podCidrs);
  const perFamily = podCidrs.flatMap((cidr, index) => {
    const { bits, family } = parseCidr(cidr);
    const address = `${ips[index]}/${bits}`;
    const gateway = gatewayOf(cidr);
    const cluster = clusterCidrs.find((text) => parseCidr(text).family === family);
    return [
      `address add ${address} ${broadcastOrNodad(address)} dev eth0`,
      `neighbour add ${gateway} lladdr ${mac} dev eth0 nud permanent`,
      ...(cluster && cluster !== cidr ? [`route add ${cluster} via ${gateway} dev eth0`] : []),
      `route add default via ${gateway} dev eth0`,
    ];
  });
  return ['link set lo up', 'link set eth0 up', ...perFamily];
}

/** Removing the namespace removes the pair; each may be gone already. */
export function detachCommands({ netns, veth, ips }: PodNetwork, { name }: Bridge): string[] {
  return [...ips.map((ip) => `neighbour del ${ip} dev ${name}`), `link del ${veth}`, `netns del ${netns}`];
}

function broadcastOrNodad(address: string): string {
  return address.includes(':') ? 'nodad' : 'brd +';
}
