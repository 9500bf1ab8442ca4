import { type Family, parseCidr } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';
import { ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';
import {
  annotationPrefix,
  familiesOf,
  type LinkState,
  leaseOf,
  type Overlay,
  publicIpKey,
  uplinkOf,
  usualMtu,
} from './overlay.ts';

/** A way to one node's pods. */
interface Route {
  destination: string;
  gateway: string;
}

/** One family of the node, with the link that leads to the others. */
interface Side {
  family: Family;
  device: string;
  /** The cluster's pods: what of the link's routes is ours. */
  clusterCidr: string;
}

/**
 * A plain route to each other node's pods by way of that node: no encapsulation, and so nodes must be on one
 * link. `routeMtu` is that of the routes, where it is less than the link's. Upstream: flannel `pkg/backend/hostgw` and `pkg/backend/route_network.go`.
 */
export function createHostGw(
  kernel: Kernel,
  { routeMtu }: { routeMtu?: () => number | undefined } = {},
): Overlay {
  let sides: Side[] = [];
  let ownName = '';
  /** By family; what is not in here must be read first. */
  const known = new Map<Family, readonly Route[]>();

  return {
    plan(local, links) {
      ownName = local.name;
      known.clear();
      const annotations: Record<string, string> = {
        [`${annotationPrefix}/backend-type`]: 'host-gw',
        [`${annotationPrefix}/kube-subnet-manager`]: 'true',
      };
      const uplinks: LinkState[] = [];
      sides = familiesOf(local).map(({ family, podCidr, nodeIp }) => {
        const uplink = uplinkOf(links, nodeIp);
        uplinks.push(uplink);
        annotations[`${annotationPrefix}/${family === 'IPv6' ? 'backend-v6-data' : 'backend-data'}`] = 'null';
        annotations[publicIpKey(family)] = nodeIp;
        const clusterCidr = local.clusterCidrs.find((cidr) => parseCidr(cidr).family === family);
        return { family, device: uplink.ifname, clusterCidr: clusterCidr ?? podCidr };
      });
      return { commands: [], annotations, mtu: Math.min(...uplinks.map(({ mtu }) => mtu ?? usualMtu)) };
    },
    async sync(nodes, { verify = false } = {}) {
      if (verify) known.clear();
      for (const side of sides) {
        const wanted = routesTo(nodes, side.family, ownName);
        const actual = known.get(side.family) ?? (await readRoutes(kernel, side));
        // Until the kernel has said yes, nothing is known of it.
        known.delete(side.family);
        await ipBatch(kernel, routeCommands(side.device, wanted, actual, routeMtu?.()));
        known.set(side.family, wanted);
      }
    },
  };
}

function routesTo(nodes: readonly Node[], family: Family, ownName: string): Route[] {
  return nodes
    .filter(({ metadata }) => metadata?.name !== ownName)
    .flatMap((node) => leaseOf(node, family) ?? [])
    .map(({ podCidr, publicIp }) => ({ destination: podCidr, gateway: publicIp }));
}

/** `ip` commands that turn the routes there are into those that are wanted. */
export function routeCommands(
  device: string,
  wanted: readonly Route[],
  actual: readonly Route[],
  mtu?: number,
): string[] {
  const isThere = (route: Route) =>
    actual.some(({ destination, gateway }) => destination === route.destination && gateway === route.gateway);
  const size = mtu === undefined ? '' : ` mtu ${mtu}`;
  const destinations = new Set(wanted.map(({ destination }) => destination));
  return [
    ...actual
      .filter(({ destination }) => !destinations.has(destination))
      .map(({ destination, gateway }) => `route del ${destination} via ${gateway} dev ${device}`),
    ...wanted
      .filter((route) => !isThere(route))
      .map(({ destination, gateway }) => `route replace ${destination} via ${gateway} dev ${device}${size}`),
  ];
}

/** The routes over the link that lead to pods of the cluster: those that an earlier process wrote. */
async function readRoutes(kernel: Kernel, { family, device, clusterCidr }: Side): Promise<Route[]> {
  const flag = family === 'IPv6' ? '-6' : '-4';
  const { stdout } = await kernel.run('ip', [
    ...['-json', flag, 'route', 'show'],
    ...['root', clusterCidr, 'dev', device],
  ]);
  const routes = stdout.trim() ? (JSON.parse(stdout) as { dst: string; gateway?: string }[]) : [];
  return routes.flatMap(({ dst, gateway }) => (gateway ? [{ destination: dst, gateway }] : []));
}
