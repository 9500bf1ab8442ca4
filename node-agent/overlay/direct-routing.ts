import type { Family } from '../../api/address.ts';
import type { Node } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import { createHostGw } from './host-gw.ts';
import { familiesOf, isOnLink, type LinkState, leaseOf, type Overlay, uplinkOf } from './overlay.ts';

/**
 * `DirectRouting` of flannel's vxlan: a plain route to nodes on the same link, the tunnel to all others. Pods'
 * packets have to fit through the tunnel all the same, and so have those that conntrack puts together from
 * fragments: the link between nodes would take them whole, and the other node's pod would not. Upstream: flannel `pkg/backend/vxlan/vxlan_network.go`.
 */
export function withDirectRouting(kernel: Kernel, tunnel: Overlay): Overlay {
  let mtu: number | undefined;
  const direct = createHostGw(kernel, { routeMtu: () => mtu });
  let isDirect: (node: Node) => boolean = () => false;
  /** Names of the nodes with a plain route; undefined at first, when an earlier process may have made some. */
  let before: Set<string | undefined> | undefined;

  return {
    plan(local, links) {
      const sides = familiesOf(local).map(({ family, nodeIp }) => ({
        family,
        uplink: uplinkOf(links, nodeIp),
      }));
      isDirect = (node) => isReached(node, sides);
      before = undefined;
      direct.plan(local, links);
      const plan = tunnel.plan(local, links);
      mtu = plan.mtu;
      return plan;
    },
    async sync(nodes, options) {
      const near = nodes.filter(isDirect);
      const far = nodes.filter((node) => !isDirect(node));
      // A node that changes sides loses its old route before it gets the new one: they have one destination.
      await direct.sync(
        near.filter(({ metadata }) => before?.has(metadata?.name) ?? true),
        options,
      );
      await tunnel.sync(far, options);
      await direct.sync(near);
      before = new Set(near.map(({ metadata }) => metadata?.name));
    },
  };
}

type Side = { family: Family; uplink: LinkState };

/** In every family in which the node has told of itself. */
function isReached(node: Node, sides: readonly Side[]): boolean {
  const leases = sides.flatMap(({ family, uplink }) => {
    const lease = leaseOf(node, family);
    return lease ? [isOnLink(uplink, lease.publicIp)] : [];
  });
  return leases.length > 0 && leases.every(Boolean);
}
