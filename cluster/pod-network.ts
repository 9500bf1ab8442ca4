import { type Cidr, parseCidr } from '../api/address.ts';
import { type Backend, backendTypes } from '../node-agent/overlay/options.ts';
import { OptionError } from './option-error.ts';
import type { ClusterOptions, ClusterSpec, NodeSpec } from './spec.ts';

/** The overlay that is asked for. Throws {@link OptionError} for one that does not exist, or cannot carry the pods' families. */
export function overlayOf(
  { overlay = 'vxlan', directRouting }: ClusterOptions,
  podCidrs: readonly Cidr[],
): Backend {
  if (!backendTypes.includes(overlay))
    throw new OptionError('overlay', overlay, `must be one of ${backendTypes.join(', ')}`);
  if (directRouting && overlay !== 'vxlan')
    throw new OptionError('direct-routing', directRouting, `is for overlay vxlan, not ${overlay}`);
  if (overlay === 'udp' && podCidrs.some(({ family }) => family === 'IPv6'))
    throw new OptionError('overlay', overlay, 'carries IPv4 alone; vxlan and host-gw carry IPv6 too');
  return overlay === 'vxlan' && directRouting ? { type: overlay, directRouting } : { type: overlay };
}

/** Name of the bridge. Throws {@link OptionError} for what is no name of a link, or another's. */
export function bridgeOf({ bridge = 'cni0' }: ClusterOptions): string {
  // 15 bytes, as the kernel has it; no name that the node has otherwise.
  if (/^[a-z][\w.-]{0,14}$/i.test(bridge) && !/^(lo|eth0|flannel.*|kube-ipvs0|all|default)$/.test(bridge))
    return bridge;
  throw new OptionError('bridge', bridge, 'a name for a link of at most 15 characters, such as weave');
}

/** In the order of the pods' families: the first is what others take for the node's address. */
export function nodeAddresses({ podCidrs }: Pick<ClusterSpec, 'podCidrs'>, node: NodeSpec): string[] {
  return podCidrs.flatMap((cidr) =>
    parseCidr(cidr).family === 'IPv4' ? [node.address] : node.address6 ? [node.address6] : [],
  );
}
