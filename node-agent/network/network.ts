import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import type { Node, Pod } from '../../api/types.ts';
import { ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';
import { ensureSysctls } from '../../kernel/sysctl.ts';
import { createOverlay } from '../overlay/backend.ts';
import { ensureMasquerade } from '../overlay/masquerade.ts';
import type { Backend } from '../overlay/options.ts';
import type { LinkState } from '../overlay/overlay.ts';
import { createAttacher, removeLinks } from './attach.ts';
import type { Conflist } from './cni/config.ts';
import type { HostPorts } from './host-ports.ts';
import { openIpam } from './ipam.ts';
import { type Bridge, bridgeCommands, type PodNetwork, podCommands, podNetwork } from './plan.ts';

export interface NodeNetworkConfig {
  kernel: Kernel;
  nodeName: string;
  nodeIps: readonly string[];
  clusterCidrs: readonly string[];
  podCidrs: readonly string[];
  overlay: Backend;
  /** Name of the bridge that pods are attached to. */
  bridge: string;
  /** Plugins that make pods' networks in place of bridge, pairs and host-local of our own. */
  cni?: { list: Conflist; path: readonly string[] };
  /** Where host-local keeps the addresses in use; its parent folder takes files for a moment. */
  stateDir: string;
}

/** A node's pod network, once it stands. */
export interface NodeNetwork {
  /** What other nodes' overlays must read on this node's object. */
  readonly annotations: Record<string, string>;
  /** Gives a pod its namespace, pair and addresses. Repairs what an interrupted call left behind. */
  attach(uid: string, pod?: Pod): Promise<PodNetwork>;
  /** Takes them away again; harmless when there is nothing. */
  detach(uid: string): Promise<void>;
  /** Leads ports of the node to those of a pod. */
  hostPorts(): Promise<HostPorts>;
  /** Uids that hold addresses. */
  owners(): Set<string>;
  /** Takes away what belongs to pods that nobody knows: an earlier process was interrupted. */
  collect(isKnown: (uid: string) => boolean): Promise<void>;
  /** Routes to the other nodes, from their objects; `verify` looks at the kernel instead of trusting what was written. */
  syncNodes(nodes: readonly Node[], options?: { verify?: boolean }): Promise<void>;
}

/** Reads the links that {@link startNetwork} plans from. It needs no podCIDR, so it may run before. */
export async function readLinks(kernel: Kernel): Promise<LinkState[]> {
  const names = kernel.files?.read('/proc/net/dev')?.match(/^\s*[^\s:]+(?=:)/gm) ?? [];
  // On a new node everything is still to be made, and nothing need be known but who has the node's address.
  const isNew = names.length > 0 && names.every((name) => /^(lo|eth0)$/.test(name.trim()));
  const links = isNew ? linksWithAddresses(kernel) : [];
  if (links.length > 0 && links.every(({ mtu }) => mtu)) return links;
  const { stdout } = await kernel.run('ip', ['-json', '-details', 'address']);
  return JSON.parse(stdout) as LinkState[];
}

/** What this process sees of its own network namespace without a command. */
function linksWithAddresses(kernel: Kernel): LinkState[] {
  return Object.entries(networkInterfaces()).map(([ifname, addresses = []]) => ({
    ifname,
    // The link's own, unless somebody has set another for IPv6; a kernel without IPv6 does not say.
    mtu: Number(kernel.files?.read(`/proc/sys/net/ipv6/conf/${ifname}/mtu`) ?? 0),
    addr_info: addresses.map(({ address, cidr }) => ({
      local: address,
      prefixlen: Number(cidr?.split('/')[1]),
    })),
  }));
}

/**
 * Builds bridge, overlay and masquerading in the current network namespace, which is the node's. `links`
 * is what stands there now.
 */
export async function startNetwork(
  config: NodeNetworkConfig,
  links: readonly LinkState[],
): Promise<NodeNetwork> {
  const { kernel, podCidrs, clusterCidrs } = config;
  const overlay = createOverlay(kernel, config.overlay);
  const { annotations, commands, mtu } = overlay.plan({ ...config, name: config.nodeName }, links);
  const bridge: Bridge = { name: config.bridge, mtu };
  const own = config.cni ? [] : bridgeCommands(bridge, links, podCidrs);
  await Promise.all([
    ipBatch(kernel, [...commands, ...own]),
    // Whoever makes the overlay decides about it: flanneld's --ip-masq.
    config.overlay.type === 'none' ? undefined : ensureMasquerade(kernel, podCidrs, clusterCidrs),
    setSysctls(kernel, podCidrs),
  ]);
  const pods = config.cni ? await pluginPods(config, config.cni, bridge) : ownPods(config, bridge);
  return { annotations, syncNodes: (nodes, options) => overlay.sync(nodes, options), ...pods };
}

type PodPart = Omit<NodeNetwork, 'annotations' | 'syncNodes'>;

/** Pods by our own means: quick, because those that come together are one process. */
function ownPods(config: NodeNetworkConfig, bridge: Bridge): PodPart {
  const { kernel, podCidrs, clusterCidrs } = config;
  const ipam = openIpam(config.stateDir, podCidrs);
  const attach = createAttacher({
    kernel,
    bridge,
    folder: dirname(config.stateDir),
    podCommands: (network) => podCommands(network, podCidrs, clusterCidrs),
  });
  let hostPorts: Promise<HostPorts> | undefined;
  const detach = async (uid: string) => {
    await removeLinks(kernel, podNetwork(uid, ipam.held(uid)), bridge);
    ipam.release(uid);
  };
  return {
    detach,
    owners: () => ipam.owners(),
    hostPorts() {
      hostPorts ??= import('./host-ports.ts').then(({ createHostPorts }) =>
        createHostPorts(kernel, podCidrs, config.bridge),
      );
      return hostPorts;
    },
    async attach(uid) {
      const network = podNetwork(uid, ipam.allocate(uid));
      await attach(network);
      return network;
    },
    async collect(isKnown) {
      for (const uid of ipam.owners()) if (!isKnown(uid)) await detach(uid);
    },
  };
}

/** Loaded where there are plugins to run. */
async function pluginPods(
  config: NodeNetworkConfig,
  { list, path }: NonNullable<NodeNetworkConfig['cni']>,
  bridge: Bridge,
): Promise<PodPart> {
  const [{ expandConflist }, { startCniPods }] = await Promise.all([
    import('./cni/expand.ts'),
    import('./cni/pods.ts'),
  ]);
  const { kernel, podCidrs, clusterCidrs } = config;
  const folder = dirname(config.stateDir);
  const facts = { podCidrs, clusterCidrs, mtu: bridge.mtu, bridge: bridge.name, ipamDir: folder };
  const pods = await startCniPods({
    kernel,
    list: expandConflist(list, facts),
    path,
    cacheDir: join(dirname(folder), 'cni'),
    podCidrs,
  });
  // A plugin of the list does it, portmap, or nobody.
  const none = { map: async () => undefined, unmap: async () => undefined };
  return { ...pods, hostPorts: async () => none };
}

function setSysctls(kernel: Kernel, podCidrs: readonly string[]): Promise<void> {
  return ensureSysctls(kernel, {
    'net.ipv4.ip_forward': 1,
    // Replies of a Service may come in by another way than their route; strict mode would drop them.
    'net.ipv4.conf.all.rp_filter': 0,
    'net.ipv4.conf.default.rp_filter': 0,
    'net.bridge.bridge-nf-call-iptables': 1,
    ...(podCidrs.some((cidr) => cidr.includes(':'))
      ? { 'net.ipv6.conf.all.forwarding': 1, 'net.bridge.bridge-nf-call-ip6tables': 1 }
      : {}),
  });
}

/** Where a node keeps the addresses of its pods. */
export const ipamDir = (runDir: string) => join(runDir, 'networks/cbr0');
