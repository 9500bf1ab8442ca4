import { parseCidr } from '../../api/address.ts';
import { iptablesRestore, iptablesSave, RestoreError } from '../../kernel/iptables.ts';
import type { Kernel } from '../../kernel/run.ts';

const comment = '-m comment --comment "flanneld masq"';
const forwardComment = '-m comment --comment "flanneld forward"';

/** kube-proxy's mark: it masquerades such packets itself. */
const kubeProxyMark = '0x4000/0x4000';

/**
 * The `iptables-restore --noflush` text of flannel's rules for one family: packets between pods keep
 * their source address, packets to anywhere else take the node's. Upstream: flannel
 * `pkg/trafficmngr/iptables`. `jumps` says which of the two entry rules are still missing; without it
 * nothing is expected to be there, and the batch fails, changing nothing of a table, where its chain is.
 */
export function flannelRules(
  podCidr: string,
  clusterCidr: string,
  jumps?: { postrouting: boolean; forward: boolean },
): string {
  const multicast = parseCidr(clusterCidr).family === 'IPv6' ? 'ff00::/8' : '224.0.0.0/4';
  // The first form empties a chain that exists, the second refuses it.
  const chain = (name: string) => (jumps ? `:${name} - [0:0]` : `-N ${name}`);
  return `${[
    '*nat',
    chain('FLANNEL-POSTRTG'),
    ...((jumps?.postrouting ?? true) ? [`-A POSTROUTING ${comment} -j FLANNEL-POSTRTG`] : []),
    `-A FLANNEL-POSTRTG -m mark --mark ${kubeProxyMark} ${comment} -j RETURN`,
    `-A FLANNEL-POSTRTG -s ${podCidr} -d ${clusterCidr} ${comment} -j RETURN`,
    `-A FLANNEL-POSTRTG -s ${clusterCidr} -d ${podCidr} ${comment} -j RETURN`,
    `-A FLANNEL-POSTRTG ! -s ${clusterCidr} -d ${podCidr} ${comment} -j RETURN`,
    `-A FLANNEL-POSTRTG -s ${clusterCidr} ! -d ${multicast} ${comment} -j MASQUERADE --random-fully`,
    `-A FLANNEL-POSTRTG ! -s ${clusterCidr} -d ${clusterCidr} ${comment} -j MASQUERADE --random-fully`,
    'COMMIT',
    '*filter',
    chain('FLANNEL-FWD'),
    ...((jumps?.forward ?? true) ? [`-A FORWARD ${forwardComment} -j FLANNEL-FWD`] : []),
    `-A FLANNEL-FWD -s ${clusterCidr} ${forwardComment} -j ACCEPT`,
    `-A FLANNEL-FWD -d ${clusterCidr} ${forwardComment} -j ACCEPT`,
    'COMMIT',
  ].join('\n')}\n`;
}

/**
 * Installs {@link flannelRules} for every family the node has pods of. A new node takes one command for it:
 * only when the chains turn out to exist are the rules read.
 */
export async function ensureMasquerade(
  kernel: Kernel,
  podCidrs: readonly string[],
  clusterCidrs: readonly string[],
): Promise<void> {
  for (const podCidr of podCidrs) {
    const { family } = parseCidr(podCidr);
    const clusterCidr = clusterCidrs.find((cidr) => parseCidr(cidr).family === family);
    if (!clusterCidr) continue;
    try {
      await iptablesRestore(kernel, family, flannelRules(podCidr, clusterCidr));
    } catch (error) {
      if (!(error instanceof RestoreError)) throw error;
      const present = await iptablesSave(kernel, family);
      const jumps = {
        postrouting: !present.includes('-j FLANNEL-POSTRTG'),
        forward: !present.includes('-j FLANNEL-FWD'),
      };
      await iptablesRestore(kernel, family, flannelRules(podCidr, clusterCidr, jumps));
    }
  }
}
