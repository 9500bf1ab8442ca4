import { plainAddress } from '../../corefile/subnets.ts';
import type { SearchPath } from '../../plugin.ts';
import { matchZone } from '../../wire/names.ts';
import { searchPathOf } from '../resolv-conf.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';

/**
 * The search path of a pod, known by its address: its namespace, `svc` and the zone, then that of this machine's
 * /etc/resolv.conf. Needs `pods verified`. Upstream: plugin/kubernetes/autopath.go.
 */
export function createSearchPath(records: () => Records, options: KubernetesOptions): SearchPath {
  let own: string[] = [];
  try {
    own = searchPathOf('/etc/resolv.conf');
  } catch {
    // as upstream: a machine without one has no path of its own
  }
  return ({ lower, client }) => {
    const zone = matchZone(options.zones, lower);
    if (zone === undefined || options.pods !== 'verified') return undefined;
    const [pod] = records().podsByIp(plainAddress(client.address));
    if (!pod) return undefined;
    const services = zone === '.' ? 'svc.' : `svc.${zone}`;
    return [`${pod.namespace}.${services}`, services, zone, ...own, ''];
  };
}
