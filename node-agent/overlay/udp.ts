import { addressAt, parseCidr } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { Session } from '../../kernel/session.ts';
import { runtimeScript } from '../runtime/paths.ts';
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
export interface UdpOptions {
  /** Default 8285. */
  port?: number;
}

const device = 'flannel0';

/** An encapsulator that ends is started again at once, but not sooner than this after the last, in milliseconds. */
const soon = 1000;

/** An IPv4 header and one of UDP. */
const encapsulation = 28;

/**
 * Packets for other nodes' pods go to a TUN device, from there to a program (`encapsulate.pl`), and in UDP to
 * the other node's. IPv4 only, and slow: for kernels without VXLAN, and to look at. Upstream: flannel
 * `pkg/backend/udp`.
 */
export function createUdp(kernel: Kernel, { port = 8285 }: UdpOptions = {}): Overlay {
  let own: { name: string; family: LocalFamily } | undefined;
  let session: Session | undefined;
  let told = '';
  /** The table that was last asked for. */
  let wanted = '';
  let last: Promise<void> = Promise.resolve();

  async function encapsulator({ nodeIp }: LocalFamily): Promise<Session> {
    if (session && !session.ended()) return session;
    told = '';
    const script = runtimeScript('encapsulate.pl');
    const startedAt = performance.now();
    const opened = await kernel.open?.('perl', [script, device, nodeIp, String(port)]);
    if (!opened) throw new Error('overlay udp: this node can start no encapsulator; choose another overlay');
    session = opened;
    opened.onEnd?.(() => {
      const pause = Math.max(0, startedAt + soon - performance.now());
      // What keeps it from starting the next pass finds, too, and tells.
      setTimeout(() => void tell().catch(() => undefined), pause).unref();
    });
    return opened;
  }

  /** One at a time, so that there are never two programs. */
  function tell(): Promise<void> {
    const done = last.then(tellNow, tellNow);
    last = done;
    return done;
  }

  async function tellNow(): Promise<void> {
    if (!own) return;
    const running = await encapsulator(own.family);
    const table = wanted;
    if (table === told) return;
    told = '';
    await running.send(`${table}\n`, 'ok\n');
    told = table;
  }

  return {
    plan(local, links) {
      const family = familiesOf(local).find((one) => one.family === 'IPv4');
      if (!family || local.podCidrs.length > 1)
        throw new Error(
          `overlay udp carries IPv4 alone, not ${local.podCidrs.join()}; choose vxlan or host-gw`,
        );
      own = { name: local.name, family };
      const mtu = (uplinkOf(links, family.nodeIp).mtu ?? usualMtu) - encapsulation;
      const annotations = {
        // As flannel's, which gives its leases no type.
        [`${annotationPrefix}/backend-type`]: '',
        [`${annotationPrefix}/backend-data`]: 'null',
        [`${annotationPrefix}/kube-subnet-manager`]: 'true',
        [publicIpKey('IPv4')]: family.nodeIp,
      };
      return { commands: deviceCommands(local, family, links, mtu), annotations, mtu };
    },
    async sync(nodes) {
      if (!own) return;
      wanted = routeTable(nodes, own.name);
      await tell();
    },
  };
}

/** One line: `10.244.1.0/24 172.18.0.3 …`. */
function routeTable(nodes: readonly Node[], ownName: string): string {
  return nodes
    .filter(({ metadata }) => metadata?.name !== ownName)
    .flatMap((node) => leaseOf(node, 'IPv4') ?? [])
    .flatMap(({ podCidr, publicIp }) => [podCidr, publicIp])
    .join(' ');
}

/** `ip` makes the device, so that it outlives the program and keeps its route. */
function deviceCommands(
  { clusterCidrs }: LocalNode,
  { podCidr }: LocalFamily,
  links: readonly LinkState[],
  mtu: number,
): string[] {
  const existing = links.find(({ ifname }) => ifname === device);
  const address = addressAt(parseCidr(podCidr), 0);
  const cluster = clusterCidrs.find((cidr) => parseCidr(cidr).family === 'IPv4') ?? podCidr;
  const present = existing?.addr_info?.some(({ local }) => local === address);
  return [
    ...(existing ? [] : [`tuntap add dev ${device} mode tun`]),
    ...(present ? [] : [`address add ${address}/32 dev ${device}`]),
    `link set ${device} mtu ${mtu} up`,
    // A lone node's own network is the cluster's.
    ...(cluster === podCidr ? [] : [`route replace ${cluster} dev ${device}`]),
  ];
}
