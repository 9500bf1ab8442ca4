import { randomBytes } from 'node:crypto';
import { addressAt, type Family, parseCidr, widthOf } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';
import { bridgeBatch, ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';
import {
  annotationPrefix,
  familiesOf,
  type LinkState,
  type LocalFamily,
  type LocalNode,
  leaseOf,
  type Overlay,
  publicIpKey,
  uplinkOf,
  usualMtu,
} from './overlay.ts';

/** What flannel's `net-conf.json` may say of it. */
export interface VxlanOptions {
  /** Default 1. */
  vni?: number;
  /** UDP; default 8472, Linux' own. */
  port?: number;
  /** Of the link between the nodes; default its own. Pods' is less by the headers. */
  mtu?: number;
}

/** One family's device: flannel keeps IPv4 and IPv6 apart. */
interface Device extends LocalFamily {
  name: string;
  vni: number;
  port: number;
  linkMtu?: number;
}

/** Another node as its annotations describe it, for one family. */
export interface Peer {
  mac: string;
  podCidr: string;
  publicIp: string;
}

/** What the kernel holds for a device: the three things a peer needs. */
export interface PeerState {
  /** Destination of each route, `10.244.1.0/24`. */
  routes: readonly string[];
  /** Address → MAC. */
  neighbours: Readonly<Record<string, string>>;
  /** MAC → remote address. */
  fdb: Readonly<Record<string, string>>;
}

/**
 * VXLAN as flannel does it: one device, no learning; for each other node a permanent neighbour, a
 * forwarding entry and an onlink route, all known beforehand from Node annotations. Upstream:
 * flannel `pkg/backend/vxlan`.
 */
export function createVxlan(
  kernel: Kernel,
  { vni = 1, port = 8472, mtu: linkMtu }: VxlanOptions = {},
): Overlay {
  let devices: Device[] = [];
  let ownName = '';
  /** By device; what a device holds that is not in here must be read first. */
  const known = new Map<string, PeerState>();

  async function syncDevice(device: Device, nodes: readonly Node[]): Promise<void> {
    const { name, family } = device;
    const peers = nodes
      .filter((node) => node.metadata?.name !== ownName)
      .flatMap((node) => peerOf(node, family) ?? []);
    const { ip, bridge } = peerCommands(name, peers, known.get(name) ?? (await readState(kernel, name)));
    // Until the kernel has said yes, nothing is known of it.
    known.delete(name);
    await Promise.all([bridgeBatch(kernel, bridge), ipBatch(kernel, ip)]);
    known.set(name, stateFor(peers));
  }

  return {
    plan(local, links) {
      ownName = local.name;
      devices = devicesOf(local, { vni, port, ...(linkMtu ? { linkMtu } : {}) });
      known.clear();
      const annotations: Record<string, string> = {};
      const commands = devices.flatMap((device) => {
        const existing = links.find((link) => link.ifname === device.name);
        const usable = existing && isDevice(existing, device) ? existing : undefined;
        const mac = usable?.address ?? randomMac();
        Object.assign(annotations, annotationsOf(device, mac));
        // With a device go its routes, neighbours and forwarding entries.
        if (!usable) known.set(device.name, stateFor([]));
        return deviceCommands(device, links, mac, existing, usable !== undefined);
      });
      const mtu = Math.min(...devices.map((device) => deviceMtu(device, links)));
      return { commands, annotations, mtu };
    },
    async sync(nodes, { verify = false } = {}) {
      if (verify) known.clear();
      for (const device of devices) await syncDevice(device, nodes);
    },
  };
}

/** What a device holds that has these peers and no others. */
function stateFor(peers: readonly Peer[]): PeerState {
  return {
    routes: peers.map(({ podCidr }) => podCidr),
    neighbours: Object.fromEntries(peers.map(({ podCidr, mac }) => [gatewayOf(podCidr), mac])),
    fdb: Object.fromEntries(peers.map(({ mac, publicIp }) => [mac, publicIp])),
  };
}

/** Where the route to a peer's pods leads: its device has the first address of its network. */
const gatewayOf = (podCidr: string) => addressAt(parseCidr(podCidr), 0);

function devicesOf(local: LocalNode, options: Pick<Device, 'vni' | 'port' | 'linkMtu'>): Device[] {
  return familiesOf(local).map((one) => ({
    ...one,
    ...options,
    name: one.family === 'IPv6' ? `flannel-v6.${options.vni}` : `flannel.${options.vni}`,
  }));
}

/** What the headers of VXLAN leave of the uplink's: Ethernet, VXLAN, UDP and IP. */
function deviceMtu({ family, nodeIp, linkMtu }: Device, links: readonly LinkState[]): number {
  return (linkMtu ?? uplinkOf(links, nodeIp).mtu ?? usualMtu) - (family === 'IPv6' ? 70 : 50);
}

function annotationsOf({ family, nodeIp, vni }: Device, mac: string): Record<string, string> {
  const data = JSON.stringify({ VNI: vni, VtepMAC: mac });
  const common = {
    [`${annotationPrefix}/backend-type`]: 'vxlan',
    [`${annotationPrefix}/kube-subnet-manager`]: 'true',
  };
  return { ...common, [dataKey(family)]: data, [publicIpKey(family)]: nodeIp };
}

const dataKey = (family: Family) =>
  `${annotationPrefix}/${family === 'IPv6' ? 'backend-v6-data' : 'backend-data'}`;

/** Reads a peer from its Node; undefined while its annotations or podCIDR are missing or unreadable. */
export function peerOf(node: Node, family: Family): Peer | undefined {
  const lease = leaseOf(node, family);
  const data = node.metadata?.annotations?.[dataKey(family)] ?? '';
  const mac = /"VtepMAC":\s*"([0-9a-f:]{17})"/.exec(data)?.[1];
  return lease && mac ? { mac, ...lease } : undefined;
}

/** `ip` and `bridge` commands that turn `actual` into what `peers` need; none when it is so already. */
export function peerCommands(
  device: string,
  peers: readonly Peer[],
  actual: PeerState,
): { ip: string[]; bridge: string[] } {
  const wanted = peers.map((peer) => ({ ...peer, gateway: gatewayOf(peer.podCidr) }));
  const macs = new Set(wanted.map(({ mac }) => mac));
  const gateways = new Set(wanted.map(({ gateway }) => gateway));
  const routes = new Set(wanted.map(({ podCidr }) => podCidr));
  return {
    bridge: [
      ...Object.entries(actual.fdb)
        .filter(([mac]) => !macs.has(mac))
        .map(([mac, dst]) => `fdb del ${mac} dev ${device} dst ${dst}`),
      ...wanted
        .filter(({ mac, publicIp }) => actual.fdb[mac] !== publicIp)
        .map(({ mac, publicIp }) => `fdb replace ${mac} dev ${device} dst ${publicIp} self permanent`),
    ],
    ip: [
      ...actual.routes
        .filter((destination) => !routes.has(destination))
        .map((destination) => `route del ${destination} dev ${device}`),
      ...Object.keys(actual.neighbours)
        .filter((address) => !gateways.has(address))
        .map((address) => `neighbour del ${address} dev ${device}`),
      ...wanted.flatMap(({ mac, gateway, podCidr }) => [
        ...(actual.neighbours[gateway] === mac
          ? []
          : [`neighbour replace ${gateway} lladdr ${mac} dev ${device} nud permanent`]),
        ...(actual.routes.includes(podCidr)
          ? []
          : [`route replace ${podCidr} via ${gateway} dev ${device} onlink`]),
      ]),
    ],
  };
}

/** True for a device that flannel would keep: same VNI, port and local address. */
function isDevice({ linkinfo }: LinkState, { nodeIp, vni, port }: Device): boolean {
  const data = linkinfo?.info_data;
  return data?.id === vni && data.port === port && (data.local ?? data.local6) === nodeIp;
}

function deviceCommands(
  device: Device,
  links: readonly LinkState[],
  mac: string,
  existing: LinkState | undefined,
  keep: boolean,
): string[] {
  const { name, nodeIp, podCidr, family, vni, port } = device;
  const uplink = uplinkOf(links, nodeIp);
  const mtu = deviceMtu(device, links);
  const changed = keep && existing?.mtu !== undefined && existing.mtu !== mtu;
  const address = `${gatewayOf(podCidr)}/${widthOf(family)}`;
  const present = keep ? (existing?.addr_info ?? []) : [];
  return [
    ...(existing && !keep ? [`link del ${name}`] : []),
    ...(keep
      ? []
      : [
          `link add ${name} address ${mac} mtu ${mtu} type vxlan id ${vni} local ${nodeIp} dev ${uplink.ifname} dstport ${port} nolearning`,
        ]),
    ...(present.some(({ local, prefixlen }) => `${local}/${prefixlen}` === address)
      ? []
      : [`address add ${address} dev ${name}${family === 'IPv6' ? ' nodad' : ''}`]),
    `link set ${name}${changed ? ` mtu ${mtu}` : ''} up`,
  ];
}

async function readState(kernel: Kernel, device: string): Promise<PeerState> {
  const family = device.includes('-v6') ? '-6' : '-4';
  const [routes, neighbours, fdb] = await Promise.all([
    kernel.run('ip', ['-json', family, 'route', 'show', 'dev', device, 'scope', 'global']),
    kernel.run('ip', ['-json', family, 'neighbour', 'show', 'dev', device, 'nud', 'permanent']),
    kernel.run('bridge', ['-json', 'fdb', 'show', 'dev', device]),
  ]);
  return {
    routes: parse<{ dst: string; gateway?: string }>(routes.stdout)
      .filter(({ gateway }) => gateway)
      .map(({ dst }) => dst),
    neighbours: Object.fromEntries(
      parse<{ dst: string; lladdr?: string }>(neighbours.stdout).map(({ dst, lladdr }) => [
        dst,
        lladdr ?? '',
      ]),
    ),
    fdb: Object.fromEntries(
      parse<{ mac: string; dst?: string }>(fdb.stdout).flatMap(({ mac, dst }) => (dst ? [[mac, dst]] : [])),
    ),
  };
}

/** iproute2 prints nothing at all for an empty list with some commands. */
function parse<T>(json: string): T[] {
  return json.trim() ? (JSON.parse(json) as T[]) : [];
}

/** Locally administered, unicast. */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return bytes.toString('hex').match(/../g)?.join(':') ?? '';
}
