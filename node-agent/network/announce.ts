import { familyOf } from '../../api/address.ts';
import type { Informer } from '../../api/informer.ts';
import { createReconciler } from '../../api/queue.ts';
import type { Service } from '../../api/types.ts';
import { ipBatch } from '../../kernel/ip.ts';
import type { Kernel } from '../../kernel/run.ts';

/** Set by the controller that gives the addresses: the one node that answers for them. */
const announcedBy = 'vethernetes.io/announced-by';

export interface AnnounceConfig {
  kernel: Kernel;
  nodeName: string;
  services: Informer<Service>;
  onError(what: string, error: unknown): void;
}

/**
 * Answers ARP for the LoadBalancer addresses that this node announces, by a local route and no address: the
 * kernel answers for what is local to it (`arp_rcv`), and the rules of the dataplane take the packets before
 * anything here could. Routes of ours are marked `proto static`; those that an earlier process left are removed.
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
      const commands = [
        ...present.filter((ip) => !wanted.has(ip)).map((ip) => `route del ${routeTo(ip)}`),
        ...[...wanted].filter((ip) => !present.includes(ip)).map((ip) => `route add ${routeTo(ip)}`),
      ];
      if (commands.length > 0) await ipBatch(kernel, commands, { force: true });
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

/** The IPv4 addresses this node answers for. */
export function announcedAddresses(services: Iterable<Service>, nodeName: string): Set<string> {
  return new Set([...services].flatMap((service) => ownAddresses(service, nodeName)));
}

function ownAddresses({ metadata, status }: Service, nodeName: string): string[] {
  if (metadata?.annotations?.[announcedBy] !== nodeName) return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) =>
    familyOf(ip) === 'IPv4' ? [ip] : [],
  );
}

const routeTo = (ip: string): string => `local ${ip}/32 dev lo proto static`;

async function readAnnounced(kernel: Kernel): Promise<string[]> {
  const { stdout } = await ipBatch(kernel, ['route show table local proto static'], { json: true });
  const routes = JSON.parse(stdout || '[]') as { dst?: string }[];
  return routes.flatMap(({ dst }) => dst ?? []);
}
