import type { Kernel } from '../../kernel/run.ts';
import { withDirectRouting } from './direct-routing.ts';
import { createHostGw } from './host-gw.ts';
import type { Backend } from './options.ts';
import type { Overlay } from './overlay.ts';
import { createUdp } from './udp.ts';
import { createVxlan } from './vxlan.ts';

/** The overlay that the options name; nothing of it is made yet. */
export function createOverlay(kernel: Kernel, backend: Backend): Overlay {
  if (backend.type === 'host-gw') return createHostGw(kernel);
  if (backend.type === 'udp') return createUdp(kernel, backend);
  const vxlan = createVxlan(kernel, backend);
  return backend.directRouting ? withDirectRouting(kernel, vxlan) : vxlan;
}
