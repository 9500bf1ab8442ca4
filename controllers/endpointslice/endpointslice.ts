import type { EndpointSlice, Pod, Service } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, matchesSelector, namespaceOf, sameJson } from '../lookup.ts';
import { addressTypes, belongsToService, endpointOf, endpointPorts } from './endpoint.ts';
import { affectsServices, createServiceIndex } from './service-index.ts';
import {
  type EndpointGroup,
  managedByLabel,
  planSlices,
  portKey,
  type SliceChanges,
  serviceNameLabel,
  serviceSliceMetadata,
} from './slices.ts';
import { cpuShares, wantsTopology, withTopologyHints } from './topology.ts';
import { createTriggerTimes, triggerTimeAnnotation } from './trigger-time.ts';
import { writeSlice } from './write.ts';

const managedBy = 'endpointslice-controller.k8s.io';

/** Publishes the pods behind each Service as EndpointSlices. Upstream: `pkg/controller/endpointslice`. */
export const startEndpointSliceController: Controller = (context) => {
  const { informers, settings } = context;
  const podsByNamespace = createIndex(informers.pods, namespaceOf);
  const servicesOf = createServiceIndex(informers.services);
  const slicesByService = createIndex(informers.endpointslices, ({ metadata }) =>
    metadata?.labels?.[managedByLabel] === managedBy
      ? [`${metadata.namespace}/${metadata.labels[serviceNameLabel]}`]
      : [],
  );
  const triggers = createTriggerTimes();
  const queue = context.reconciler('endpointslice', reconcile);

  informers.services.onChange(({ key }) => queue.enqueue(key));
  informers.pods.onChange((change) => {
    if (!affectsServices(change)) return;
    for (const service of servicesOf(change.object, change.old)) {
      triggers.note(service, change);
      queue.enqueue(service);
    }
  });
  informers.endpointslices.onChange(({ object, old }) => {
    for (const { metadata } of old ? [object, old] : [object]) {
      if (metadata?.labels?.[managedByLabel] !== managedBy) continue;
      queue.enqueue(`${metadata.namespace}/${metadata.labels[serviceNameLabel]}`);
    }
  });
  let shares = cpuShares(informers.nodes.store.values());
  informers.nodes.onChange(({ type, object, old }) => {
    const before = shares;
    shares = cpuShares(informers.nodes.store.values());
    const zone = (node: typeof object) => node.metadata?.labels?.['topology.kubernetes.io/zone'];
    const moved = type !== 'modified' || !old || zone(old) !== zone(object);
    const resized = !sameJson([...(before ?? [])], [...(shares ?? [])]);
    if (!moved && !resized) return;
    for (const [key, service] of informers.services.store) {
      if (moved || wantsTopology(service)) queue.enqueue(key);
    }
  });
  for (const key of informers.services.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<void> {
    const service = informers.services.store.get(key);
    if (!service) {
      triggers.forget(key);
      return;
    }
    // Without a selector the endpoints are the user's; with a deletionTimestamp they are the collector's.
    if (!service.spec?.selector || service.spec.type === 'ExternalName') return;
    if (service.metadata?.deletionTimestamp) return;
    const selector = service.spec.selector;
    const pods = [...podsByNamespace.get(service.metadata?.namespace ?? '')].filter((pod) =>
      matchesSelector(selector, pod.metadata?.labels),
    );
    const existing = [...slicesByService.get(key)];
    const owned = existing.filter((slice) => isOwned(slice, service));
    const types = addressTypes(service);
    const changes = types.map((addressType) =>
      planSlices(
        owned.filter((slice) => slice.addressType === addressType),
        groupsOf(service, pods, addressType),
        {
          addressType,
          maxEndpoints: settings.maxEndpointsPerSlice,
          metadata: serviceSliceMetadata(service, managedBy),
          placeholder: true,
        },
      ),
    );
    const stale = existing.filter((slice) => !isOwned(slice, service) || !types.includes(slice.addressType));
    await write([...changes, { create: [], update: [], delete: stale }], triggers.take(key));
  }

  function groupsOf(service: Service, pods: readonly Pod[], addressType: string): EndpointGroup[] {
    const groups = new Map<string, EndpointGroup>();
    for (const pod of pods) {
      if (!belongsToService(pod, true)) continue;
      const node = informers.nodes.store.get(pod.spec?.nodeName ?? '');
      // A pod whose node is gone is about to go too; the node's event brings us back otherwise.
      if (!node && !service.spec?.publishNotReadyAddresses) continue;
      const endpoint = endpointOf(pod, node, service, addressType);
      if (!endpoint) continue;
      const ports = endpointPorts(service, pod);
      const key = portKey(ports);
      const group = groups.get(key) ?? { ports, endpoints: [] };
      group.endpoints.push(endpoint);
      groups.set(key, group);
    }
    if (!wantsTopology(service)) return [...groups.values()];
    return [...groups.values()].map(({ ports, endpoints }) => ({
      ports,
      endpoints: withTopologyHints(endpoints, shares),
    }));
  }

  async function write(plans: readonly SliceChanges[], triggerTime: string | undefined): Promise<void> {
    const stamp = (slice: EndpointSlice): EndpointSlice => {
      const { [triggerTimeAnnotation]: _last, ...others } = slice.metadata?.annotations ?? {};
      const annotations = triggerTime ? { ...others, [triggerTimeAnnotation]: triggerTime } : others;
      return { ...slice, metadata: { ...slice.metadata, annotations } };
    };
    await Promise.all(
      plans.flatMap((plan) => [
        ...plan.create.map((slice) => writeSlice(context, 'create', stamp(slice))),
        ...plan.update.map((slice) => writeSlice(context, 'update', stamp(slice))),
        ...plan.delete.map((slice) => writeSlice(context, 'delete', slice)),
      ]),
    );
  }
};

function isOwned(slice: EndpointSlice, service: Service): boolean {
  return (slice.metadata?.ownerReferences ?? []).some(({ uid }) => uid === service.metadata?.uid);
}
