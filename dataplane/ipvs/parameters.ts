import { release } from 'node:os';
import { setIpvsTimeouts } from '../../kernel/ipvs.ts';
import type { Kernel } from '../../kernel/run.ts';
import { writeSysctls } from '../../kernel/sysctl.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { isClassic } from './context.ts';

/** Kernel parameters that IPVS mode needs. Upstream: `NewProxier` in `pkg/proxy/ipvs/proxier.go`. */
export function ipvsSysctls(
  { ipvs }: ProxyConfiguration,
  kernelRelease = release(),
  emulatedVersion?: string,
): Record<string, number> {
  return {
    // Up to 1.26: packets of node ports on 127.0.0.1 leave the node.
    ...(isClassic(emulatedVersion) ? { 'net.ipv4.conf.all.route_localnet': 1 } : {}),
    // Without conntrack there would be no masquerading of what IPVS forwards.
    'net.ipv4.vs.conntrack': 1,
    ...(reusesBadly(kernelRelease) ? { 'net.ipv4.vs.conn_reuse_mode': 0 } : {}),
    'net.ipv4.vs.expire_nodest_conn': 1,
    'net.ipv4.vs.expire_quiescent_template': 1,
    'net.ipv4.ip_forward': 1,
    ...(ipvs.strictARP ? { 'net.ipv4.conf.all.arp_ignore': 1, 'net.ipv4.conf.all.arp_announce': 2 } : {}),
  };
}

/** Sets them, and the time-outs of IPVS connections where the configuration names any. */
export async function prepareIpvs(
  kernel: Kernel,
  configuration: ProxyConfiguration,
  emulatedVersion?: string,
): Promise<void> {
  const { tcpTimeout, tcpFinTimeout, udpTimeout } = configuration.ipvs;
  await writeSysctls(kernel, ipvsSysctls(configuration, release(), emulatedVersion));
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1_000);
  await setIpvsTimeouts(kernel, {
    tcp: seconds(tcpTimeout),
    tcpFin: seconds(tcpFinTimeout),
    udp: seconds(udpTimeout),
  });
}

/** From 4.1 to 5.8 a connection from a reused port waited a second, or went to a server that was gone. */
function reusesBadly(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number);
  const version = major * 1_000 + minor;
  return version >= 4_001 && version < 5_009;
}
