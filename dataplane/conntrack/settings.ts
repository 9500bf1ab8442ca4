import { availableParallelism } from 'node:os';
import { readConntrackHashSize, writeConntrackHashSize } from '../../kernel/conntrack.ts';
import type { Kernel } from '../../kernel/run.ts';
import { readSysctls, writeSysctls } from '../../kernel/sysctl.ts';
import type { ProxyConfiguration } from '../configuration.ts';

const netfilter = 'net.netfilter.nf_conntrack_';

/** Kernel parameters that this configuration wants at least, by name. Upstream: `cmd/kube-proxy/app/server_linux.go`. */
export function wantedSettings(
  { conntrack, iptables, mode, nodePortAddresses }: ProxyConfiguration,
  cores = availableParallelism(),
): Record<string, number> {
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1_000);
  const { maxPerCore, min } = conntrack;
  const settings: [name: string, value: number][] = [
    [`${netfilter}max`, maxPerCore > 0 ? Math.max(maxPerCore * cores, min) : 0],
    [`${netfilter}tcp_timeout_established`, seconds(conntrack.tcpEstablishedTimeout)],
    [`${netfilter}tcp_timeout_close_wait`, seconds(conntrack.tcpCloseWaitTimeout)],
    [`${netfilter}tcp_be_liberal`, conntrack.tcpBeLiberal ? 1 : 0],
    [`${netfilter}udp_timeout`, seconds(conntrack.udpTimeout)],
    [`${netfilter}udp_timeout_stream`, seconds(conntrack.udpStreamTimeout)],
  ];
  const loopback =
    nodePortAddresses.length === 0 || nodePortAddresses.some((cidr) => /^(127\.|0\.0\.0\.0\/0)/.test(cidr));
  if (mode === 'iptables' && iptables.localhostNodePorts && loopback)
    settings.push(['net.ipv4.conf.all.route_localnet', 1]);
  return Object.fromEntries(settings.filter(([, value]) => value > 0));
}

/**
 * Raises what is lower than wanted and leaves the rest, as kube-proxy does. Rejects, after all the others are
 * set, with what the kernel refused: in a network namespace of its own that is the size of the table.
 */
export async function applySettings(kernel: Kernel, wanted: Record<string, number>): Promise<void> {
  const now = await readSysctls(kernel, Object.keys(wanted));
  const low = Object.entries(wanted).filter(([name, value]) => Number(now[name] ?? value) < value);
  if (low.length === 0) return;
  await writeSysctls(kernel, Object.fromEntries(low));
  const max = wanted[`${netfilter}max`];
  // The hash table is one for all network namespaces, and only the first of them may set it.
  if (max !== undefined && low.some(([name]) => name === `${netfilter}max`)) {
    const buckets = Math.floor(max / 4);
    if ((await readConntrackHashSize(kernel)) < buckets) await writeConntrackHashSize(kernel, buckets);
  }
}
