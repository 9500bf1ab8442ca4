import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Cidr, parseCidr } from '../api/address.ts';
import { ConflistError, parseConflist } from '../node-agent/network/cni/config.ts';
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

/** Where distributions put plugins: kubelet's place, and Debian's package's. */
const pluginFolders = '/opt/cni/bin:/usr/lib/cni';

/** The plugins that are asked for. Throws {@link OptionError} where there is no list, or a wrong one. */
export function cniOf({ cniConfig, cniBin = pluginFolders }: ClusterOptions): ClusterSpec['cni'] {
  if (cniConfig === undefined) return undefined;
  try {
    const file = conflistFile(resolve(cniConfig));
    return {
      list: parseConflist(readFileSync(file, 'utf8'), file),
      path: cniBin.split(':').map((folder) => resolve(folder)),
    };
  } catch (error) {
    if (error instanceof ConflistError) throw new OptionError('cni-config', cniConfig, error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new OptionError('cni-config', cniConfig, `must be a file that can be read: ${message}`);
  }
}

/** Of a folder, the first by name, as containerd takes it. */
function conflistFile(path: string): string {
  if (!statSync(path).isDirectory()) return path;
  const [first] = readdirSync(path)
    .filter((name) => /\.(conflist|conf|json)$/.test(name))
    .sort();
  if (first === undefined) throw new ConflistError(path, 'has no .conflist, .conf or .json file');
  return join(path, first);
}
