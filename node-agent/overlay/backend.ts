import type { Kernel } from '../../kernel/run.ts';
import { withDirectRouting } from './direct-routing.ts';
import { createHostGw } from './host-gw.ts';
import type { Backend } from './options.ts';
import { familiesOf, type Overlay, uplinkOf, usualMtu } from './overlay.ts';
import { createUdp } from './udp.ts';
import { createVxlan } from './vxlan.ts';

/** The overlay that the options name; nothing of it is made yet. */
export function createOverlay(kernel: Kernel, backend: Backend): Overlay {
  if (backend.type === 'host-gw') return createHostGw(kernel);
  if (backend.type === 'udp') return createUdp(kernel, backend);
  if (backend.type === 'none') return withoutOverlay(backend.mtu);
  const vxlan = createVxlan(kernel, backend);
  return backend.directRouting ? withDirectRouting(kernel, vxlan) : vxlan;
}

/** Leaves the way to other nodes to whoever makes it. */
function withoutOverlay(mtu: number | undefined): Overlay {
  return {
    plan(local, links) {
      const uplinks = familiesOf(local).map(({ nodeIp }) => uplinkOf(links, nodeIp).mtu ?? usualMtu);
      return { commands: [], annotations: {}, mtu: mtu ?? Math.min(...uplinks) };
    },
    sync: async () => undefined,
  };
}
