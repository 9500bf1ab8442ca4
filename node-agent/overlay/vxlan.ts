import { randomBytes } from 'node:crypto';
import { addressAt, type Family, familyOf, parseCidr, widthOf } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';
import { bridgeBatch, ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';
import { annotationPrefix, type LinkState, type LocalNode, type Overlay, podCidrsOf } from './overlay.ts';

const vni = 1;
const port = 8472;

/** One family's device: flannel keeps IPv4 and IPv6 apart. */
interface Device {
  family: Family;
  name: string;
  podCidr: string;
  nodeIp: string;
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
export function createVxlan(kernel: Kernel): Overlay {
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
      devices = devicesOf(local);
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
      return { commands, annotations };
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

function devicesOf({ podCidrs, nodeIps }: LocalNode): Device[] {
  return podCidrs.flatMap((podCidr) => {
    const { family } = parseCidr(podCidr);
    const nodeIp = nodeIps.find((ip) => familyOf(ip) === family);
    if (!nodeIp) return [];
    return [{ family, podCidr, nodeIp, name: family === 'IPv6' ? `flannel-v6.${vni}` : `flannel.${vni}` }];
  });
}

function annotationsOf({ family, nodeIp }: Device, mac: string): Record<string, string> {
  const data = JSON.stringify({ VNI: vni, VtepMAC: mac });
  const common = {
    [`${annotationPrefix}/backend-type`]: 'vxlan',
    [`${annotationPrefix}/kube-subnet-manager`]: 'true',
  };
  return family === 'IPv6'
    ? {
        ...common,
        [`${annotationPrefix}/backend-v6-data`]: data,
        [`${annotationPrefix}/public-ipv6`]: nodeIp,
      }
    : { ...common, [`${annotationPrefix}/backend-data`]: data, [`${annotationPrefix}/public-ip`]: nodeIp };
}

/** Reads a peer from its Node; undefined while its annotations or podCIDR are missing or unreadable. */
export function peerOf(node: Node, family: Family): Peer | undefined {
  const annotations = node.metadata?.annotations ?? {};
  const data = annotations[`${annotationPrefix}/${family === 'IPv6' ? 'backend-v6-data' : 'backend-data'}`];
  const publicIp = annotations[`${annotationPrefix}/${family === 'IPv6' ? 'public-ipv6' : 'public-ip'}`];
  const podCidr = podCidrsOf(node).find((cidr) => parseCidr(cidr).family === family);
  const mac = /"VtepMAC":\s*"([0-9a-f:]{17})"/.exec(data ?? '')?.[1];
  return mac && publicIp && podCidr ? { mac, publicIp, podCidr } : undefined;
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
function isDevice({ linkinfo }: LinkState, { nodeIp }: Device): boolean {
  const data = linkinfo?.info_data;
  return data?.id === vni && data.port === port && (data.local ?? data.local6) === nodeIp;
}

function deviceCommands(
  { name, nodeIp, podCidr, family }: Device,
  links: readonly LinkState[],
  mac: string,
  existing: LinkState | undefined,
  keep: boolean,
): string[] {
  const uplink = links.find((link) => link.addr_info?.some(({ local }) => local === nodeIp));
  if (!uplink) throw new Error(`no interface of this node has the address ${nodeIp}`);
  // Left to the kernel it is the uplink's less what the headers of VXLAN take.
  const mtu = uplink.mtu === undefined ? '' : `mtu ${uplink.mtu - (family === 'IPv6' ? 70 : 50)} `;
  const address = `${gatewayOf(podCidr)}/${widthOf(family)}`;
  const present = keep ? (existing?.addr_info ?? []) : [];
  return [
    ...(existing && !keep ? [`link del ${name}`] : []),
    ...(keep
      ? []
      : [
          `link add ${name} address ${mac} ${mtu}type vxlan id ${vni} local ${nodeIp} dev ${uplink.ifname} dstport ${port} nolearning`,
        ]),
    ...(present.some(({ local, prefixlen }) => `${local}/${prefixlen}` === address)
      ? []
      : [`address add ${address} dev ${name}${family === 'IPv6' ? ' nodad' : ''}`]),
    `link set ${name} up`,
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
