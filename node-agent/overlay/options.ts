import type { UdpOptions } from './udp.ts';
import type { VxlanOptions } from './vxlan.ts';

/** Which overlay, and how; the `Backend` of flannel's `net-conf.json` in our spelling. */
export type Backend =
  | ({ type: 'vxlan'; directRouting?: boolean } & VxlanOptions)
  | { type: 'host-gw' }
  | ({ type: 'udp' } & UdpOptions)
  /** Somebody else's: what a node finds installed (network/installed.ts). `mtu` is that of pods, default the link's. */
  | { type: 'none'; mtu?: number };

/** flannel's default is `udp`; its manifest says `vxlan`, and so do we. */
export const defaultBackend: Backend = { type: 'vxlan' };

/** The types there are. */
export const backendTypes = ['vxlan', 'host-gw', 'udp', 'none'] as const satisfies readonly Backend['type'][];
