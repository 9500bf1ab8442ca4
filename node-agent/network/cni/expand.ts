import { parseCidr } from '../../../api/address.ts';
import { gatewayOf } from '../ipam.ts';
import { type Conflist, isObject, type PluginConfig } from './config.ts';

/** What a node knows and a file that is the same on all nodes cannot say. */
export interface NodeFacts {
  podCidrs: readonly string[];
  clusterCidrs: readonly string[];
  /** What the overlay leaves for pods' links. */
  mtu: number;
  bridge: string;
  /** Where host-local keeps its addresses: nodes of a lab share their files. */
  ipamDir: string;
}

/**
 * A list with the node's values filled in: `"subnet": "usePodCidr"` becomes the node's, links without an `mtu` get
 * the overlay's, host-local a folder of the node's own, and type `flannel` what that plugin delegates to.
 */
export function expandConflist(list: Conflist, facts: NodeFacts): Conflist {
  return {
    ...list,
    plugins: list.plugins.map((plugin) =>
      fillIn(plugin.type === 'flannel' ? flannelDelegate(plugin, facts) : plugin, facts),
    ),
  };
}

/** Upstream: flannel-io/cni-plugin `flannel_linux.go`. */
function flannelDelegate({ delegate, capabilities }: PluginConfig, facts: NodeFacts): PluginConfig {
  const { podCidrs, clusterCidrs, bridge } = facts;
  const wanted = isObject(delegate) ? delegate : {};
  const routes = clusterCidrs.filter((cidr) => !podCidrs.includes(cidr)).map((dst) => ({ dst }));
  return {
    isGateway: true,
    bridge,
    // flanneld masquerades.
    ipMasq: false,
    ...wanted,
    ...(capabilities ? { capabilities } : {}),
    type: typeof wanted.type === 'string' ? wanted.type : 'bridge',
    ipam: { type: 'host-local', ranges: rangesOf(podCidrs), routes },
  };
}

const rangesOf = (podCidrs: readonly string[]) => podCidrs.map((subnet) => [{ subnet }]);

/** Plugins that make a link and take its size from their configuration. */
const sized = ['bridge', 'ptp'];

function fillIn(plugin: PluginConfig, { podCidrs, mtu, ipamDir }: NodeFacts): PluginConfig {
  const { ipam } = plugin;
  return {
    ...(sized.includes(plugin.type) ? { mtu } : {}),
    ...plugin,
    ...(isObject(ipam) && ipam.type === 'host-local' ? { ipam: hostLocal(ipam, podCidrs, ipamDir) } : {}),
  };
}

function hostLocal(
  { subnet, ranges, ...ipam }: Record<string, unknown>,
  podCidrs: readonly string[],
  dataDir: string,
): Record<string, unknown> {
  const asked = [
    subnet,
    ...(Array.isArray(ranges) ? ranges.flat() : []).map((one) => isObject(one) && one.subnet),
  ];
  const wantsAll = asked.some((one) => typeof one === 'string' && /^usePodCidr$/i.test(one));
  const routes = ipam.routes ?? podCidrs.map((cidr) => ({ dst: everywhere(cidr), gw: gatewayOf(cidr) }));
  return {
    dataDir,
    ...ipam,
    ...(wantsAll
      ? { ranges: rangesOf(podCidrs), routes }
      : { ...(subnet === undefined ? {} : { subnet }), ...(ranges === undefined ? {} : { ranges }) }),
  };
}

const everywhere = (cidr: string) => (parseCidr(cidr).family === 'IPv4' ? '0.0.0.0/0' : '::/0');
