import { networkInterfaces } from 'node:os';
import { contains, familyOf, parseCidr } from '../../api/address.ts';
import type { Informer } from '../../api/informer.ts';
import { createReconciler } from '../../api/queue.ts';
import type { Service } from '../../api/types.ts';
import { ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';
import { ensureSysctls } from '../../kernel/sysctl.ts';
import { runtimeScript } from '../runtime/paths.ts';

/** Set by the controller that gives the addresses: the one node that answers for them. */
const announcedBy = 'vethernetes.io/announced-by';

export interface AnnounceConfig {
  kernel: Kernel;
  nodeName: string;
  services: Informer<Service>;
  onError(what: string, error: unknown): void;
}

/**
 * Answers ARP and neighbour solicitations for the LoadBalancer addresses that this node announces, and tells everybody
 * on the link when it begins to: entries of the node that did before would stay for a while. IPv4 by a local route and no
 * address (the kernel answers for what is local to it, `arp_rcv`), IPv6 by a proxy entry of the link, which it wants for
 * what it has not; the rules of the dataplane take the packets before anything here could. What is ours is marked
 * `proto static`. What an earlier process left is removed.
 */
export function startAnnouncing(
  { kernel, nodeName, services, onError }: AnnounceConfig,
  signal: AbortSignal,
): void {
  const queue = createReconciler({
    signal,
    concurrency: 1,
    reconcile: async () => {
      const wanted = announcedAddresses(services.store.values(), nodeName);
      const present = await readAnnounced(kernel);
      const gone = present.filter((ip) => !wanted.has(ip));
      const added = [...wanted].filter((ip) => !present.includes(ip));
      await prepare(kernel, added);
      const commands = [...gone.flatMap(withdrawal), ...added.flatMap(announcement)];
      if (commands.length > 0) await ipBatch(kernel, commands, { force: true });
      await tellEverybody(kernel, added);
    },
    onError: (_key, error) => onError('announcing addresses of LoadBalancers', error),
  });
  services.onChange(({ object, old, type }) => {
    const before = old ? ownAddresses(old, nodeName) : [];
    const after = type === 'deleted' ? [] : ownAddresses(object, nodeName);
    if (before.join() !== after.join()) queue.enqueue('all');
  });
  void services.synced.then(() => queue.enqueue('all'));
}

/** The addresses this node answers for. */
export function announcedAddresses(services: Iterable<Service>, nodeName: string): Set<string> {
  return new Set([...services].flatMap((service) => ownAddresses(service, nodeName)));
}

function ownAddresses({ metadata, status }: Service, nodeName: string): string[] {
  if (metadata?.annotations?.[announcedBy] !== nodeName) return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

const isIpv6 = (ip: string) => familyOf(ip) === 'IPv6';

const announcement = (ip: string): string[] => {
  const device = linkOf(ip)?.device;
  if (!isIpv6(ip)) return [`route add ${routeTo(ip)}`];
  return device ? [`neighbour add proxy ${ip} dev ${device} protocol static`] : [];
};

const withdrawal = (ip: string): string[] => {
  const device = linkOf(ip)?.device;
  if (!isIpv6(ip)) return [`route del ${routeTo(ip)}`];
  return device ? [`neighbour del proxy ${ip} dev ${device}`] : [];
};

const routeTo = (ip: string): string => `local ${ip}/32 dev lo proto static`;

/** The link of this node on which an address is; undefined for one that is on none. */
function linkOf(ip: string): { device: string; mac: string } | undefined {
  for (const [device, addresses = []] of Object.entries(networkInterfaces()))
    for (const { cidr, mac } of addresses)
      if (cidr && device !== 'lo' && familyOf(ip) === familyOf(cidr.split('/')[0] ?? ''))
        if (contains(parseCidr(cidr), ip)) return { device, mac };
  return undefined;
}

/** A link answers for proxy entries when it is told to, and then after a pause, unless it is told otherwise. */
async function prepare(kernel: Kernel, added: readonly string[]): Promise<void> {
  const devices = new Set(added.filter(isIpv6).flatMap((ip) => linkOf(ip)?.device ?? []));
  for (const device of devices)
    await ensureSysctls(kernel, {
      [`net.ipv6.conf.${device}.proxy_ndp`]: 1,
      [`net.ipv6.neigh.${device}.proxy_delay`]: 0,
    });
}

async function tellEverybody(kernel: Kernel, added: readonly string[]): Promise<void> {
  const byLink = new Map<string, string[]>();
  for (const ip of added) {
    const link = linkOf(ip);
    if (!link) continue;
    const key = `${link.device} ${link.mac}`;
    byLink.set(key, [...(byLink.get(key) ?? []), ip]);
  }
  for (const [key, addresses] of byLink)
    await kernel.run('perl', [runtimeScript('announce.pl'), ...key.split(' '), ...addresses]);
}

async function readAnnounced(kernel: Kernel): Promise<string[]> {
  const { stdout } = await ipBatch(kernel, ['route show table local proto static'], { json: true });
  const routes = JSON.parse(stdout || '[]') as { dst?: string }[];
  return [...routes.flatMap(({ dst }) => dst ?? []), ...(hasIpv6() ? await readProxies(kernel) : [])];
}

/** Whether this node could announce an address of IPv6 at all. */
const hasIpv6 = () =>
  Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(({ family, internal, scopeid }) => family === 'IPv6' && !internal && scopeid === 0),
  );

async function readProxies(kernel: Kernel): Promise<string[]> {
  const { stdout } = await kernel.run('ip', ['-json', '-6', 'neighbour', 'show', 'proxy']);
  const entries = JSON.parse(stdout.trim() || '[]') as { dst?: string; protocol?: string }[];
  return entries.flatMap(({ dst, protocol }) => (dst && protocol === 'static' ? [dst] : []));
}
