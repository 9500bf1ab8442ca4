import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { LoadBalancerIngress, Service } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, sameJson } from '../lookup.ts';
import { untilSeen } from '../seen.ts';
import { announcedBy, chooseAnnouncer } from './announcer.ts';
import { createPool } from './pool.ts';

/**
 * Gives Services of type LoadBalancer addresses from a pool, and each a node that announces them. Addresses that
 * somebody else wrote, and Services of a `loadBalancerClass`, are left alone. Upstream has this in cloud
 * providers; see `staging/src/k8s.io/cloud-provider/controllers/service`.
 */
export const startLoadBalancerController: Controller = (context) => {
  const { client, informers, settings } = context;
  if (settings.loadBalancerCidrs.length === 0) return;
  const pool = createPool(settings.loadBalancerCidrs);
  const recorder = context.recorder('service-controller');
  const slicesByService = createIndex(informers.endpointslices, ({ metadata }) => [
    `${metadata?.namespace}/${metadata?.labels?.['kubernetes.io/service-name']}`,
  ]);
  // One at a time, so that no address is given twice.
  const queue = context.reconciler('loadbalancer', reconcile, 1);
  /** Services that found the pool empty. */
  const waiting = new Set<string>();

  informers.services.onChange(({ type, key, object }) => {
    if (type === 'deleted') waiting.delete(key);
    if (type !== 'deleted' && isMeant(object)) queue.enqueue(key);
    else if (ownOf(object).length > 0) {
      queue.enqueue(key);
      for (const other of waiting) queue.enqueue(other);
    }
  });
  informers.nodes.onChange(enqueueAll);
  informers.endpointslices.onChange(({ object: { metadata } }) => {
    const key = `${metadata?.namespace}/${metadata?.labels?.['kubernetes.io/service-name']}`;
    const service = informers.services.store.get(key);
    if (service && isMeant(service) && service.spec?.externalTrafficPolicy === 'Local') queue.enqueue(key);
  });
  for (const key of informers.services.store.keys()) queue.enqueue(key);

  function enqueueAll(): void {
    for (const [key, service] of informers.services.store) if (isMeant(service)) queue.enqueue(key);
  }

  function ownOf({ status }: Service): LoadBalancerIngress[] {
    return (status?.loadBalancer?.ingress ?? []).filter(({ ip }) => ip !== undefined && pool.has(ip));
  }

  async function reconcile(key: string): Promise<void> {
    const service = informers.services.store.get(key);
    if (!service) return;
    const present = service.status?.loadBalancer?.ingress ?? [];
    const own = ownOf(service);
    if (present.length > own.length) return;
    if (!isMeant(service)) {
      if (own.length > 0) await write(service, [], undefined);
      return;
    }
    const ingress = allocate(key, service, own);
    if (!ingress) return;
    const node = chooseAnnouncer(service, informers.nodes.store.values(), slicesByService.get(key));
    const isNew = !sameJson(ingress, present);
    if (!isNew && service.metadata?.annotations?.[announcedBy] === node) return;
    await write(service, ingress, node);
    if (isNew) recorder.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  /** One address a family, those that it has first; undefined, with an Event, when there is none. */
  function allocate(
    key: string,
    service: Service,
    own: readonly LoadBalancerIngress[],
  ): LoadBalancerIngress[] | undefined {
    const others = [...informers.services.store].filter(([other]) => other !== key);
    const taken = new Set(others.flatMap(([, other]) => ownOf(other).map(({ ip = '' }) => ip)));
    const { ipFamilies = ['IPv4'], loadBalancerIP } = service.spec ?? {};
    const asked = loadBalancerIP || undefined;
    try {
      const ingress = ipFamilies.map((family): LoadBalancerIngress => {
        const kept = own.find(
          ({ ip = '' }) => (ip.includes(':') ? 'IPv6' : 'IPv4') === family && (!asked || ip === asked),
        );
        return kept ?? { ip: pool.take(family, taken, asked), ipMode: 'VIP' };
      });
      waiting.delete(key);
      return ingress;
    } catch (error) {
      waiting.add(key);
      const problem = error instanceof Error ? error.message : String(error);
      const message = `Error syncing load balancer: failed to ensure load balancer: ${problem}`;
      recorder.event(service, 'Warning', 'SyncLoadBalancerFailed', message);
      return undefined;
    }
  }

  async function write(
    service: Service,
    ingress: LoadBalancerIngress[],
    node: string | undefined,
  ): Promise<void> {
    const { [announcedBy]: _before, ...others } = service.metadata?.annotations ?? {};
    const annotations = node === undefined ? others : { ...others, [announcedBy]: node };
    const loadBalancer = ingress.length > 0 ? { ingress } : {};
    try {
      const written = await client.update(
        resources.services,
        {
          ...service,
          metadata: { ...service.metadata, annotations },
          status: { ...service.status, loadBalancer },
        },
        'status',
      );
      await untilSeen(informers.services, written);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
};

function isMeant({ metadata, spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && !spec.loadBalancerClass && !metadata?.deletionTimestamp;
}
