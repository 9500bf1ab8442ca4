import { familyOf } from '../../api/address.ts';
import { controllerReference } from '../../api/object.ts';
import type { Endpoint, EndpointAddress, Endpoints } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex } from '../lookup.ts';
import { type EndpointGroup, managedByLabel, planSlices, portKey, serviceNameLabel } from './slices.ts';
import { writeSlice } from './write.ts';

const managedBy = 'endpointslicemirroring-controller.k8s.io';
/** No subset is mirrored beyond so many addresses; a slice holds as many. */
const maxEndpoints = 1000;

/** Mirrors Endpoints that users wrote for Services without a selector. Upstream: `pkg/controller/endpointslicemirroring`. */
export const startEndpointSliceMirroringController: Controller = (context) => {
  const { informers } = context;
  const slicesByService = createIndex(informers.endpointslices, ({ metadata }) =>
    metadata?.labels?.[managedByLabel] === managedBy
      ? [`${metadata.namespace}/${metadata.labels[serviceNameLabel]}`]
      : [],
  );
  const queue = context.reconciler('endpointslicemirroring', reconcile);

  informers.endpoints.onChange(({ key }) => queue.enqueue(key));
  informers.services.onChange(({ key }) => queue.enqueue(key));
  informers.endpointslices.onChange(({ object: { metadata } }) => {
    if (metadata?.labels?.[managedByLabel] !== managedBy) return;
    queue.enqueue(`${metadata.namespace}/${metadata.labels[serviceNameLabel]}`);
  });
  for (const key of informers.endpoints.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<void> {
    const endpoints = informers.endpoints.store.get(key);
    const service = informers.services.store.get(key);
    const existing = [...slicesByService.get(key)];
    const mirrored = endpoints && service && !service.spec?.selector && isMirrored(endpoints);
    const plans = ['IPv4', 'IPv6'].map((addressType) =>
      planSlices(
        existing.filter((slice) => slice.addressType === addressType),
        mirrored ? groupsOf(endpoints, addressType) : [],
        { addressType, maxEndpoints, placeholder: false, metadata: mirrored ? metadataOf(endpoints) : {} },
      ),
    );
    await Promise.all(
      plans.flatMap((plan) => [
        ...plan.create.map((slice) => writeSlice(context, 'create', slice)),
        ...plan.update.map((slice) => writeSlice(context, 'update', slice)),
        ...plan.delete.map((slice) => writeSlice(context, 'delete', slice)),
      ]),
    );
  }
};

/** Leader election records and Endpoints that say so themselves are not mirrored. */
function isMirrored({ metadata }: Endpoints): boolean {
  return (
    metadata?.labels?.['endpointslice.kubernetes.io/skip-mirror'] !== 'true' &&
    metadata?.annotations?.['control-plane.alpha.kubernetes.io/leader'] === undefined
  );
}

function metadataOf(endpoints: Endpoints) {
  const { name = '', namespace = '', labels } = endpoints.metadata ?? {};
  return {
    generateName: `${name}-`,
    namespace,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedBy },
    ownerReferences: [controllerReference(endpoints)],
  };
}

function groupsOf(endpoints: Endpoints, addressType: string): EndpointGroup[] {
  const groups = new Map<string, EndpointGroup>();
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of endpoints.subsets ?? []) {
    const slicePorts = ports.map(({ name = '', ...port }) => ({ name, ...port }));
    const mirror = (ready: boolean) => (address: EndpointAddress) => endpointOf(address, ready);
    const members = [...addresses.map(mirror(true)), ...notReadyAddresses.map(mirror(false))]
      .filter(({ addresses: [ip = ''] }) => familyOf(ip) === addressType)
      .slice(0, maxEndpoints);
    if (members.length === 0) continue;
    const key = portKey(slicePorts);
    const group = groups.get(key) ?? { ports: slicePorts, endpoints: [] };
    group.endpoints.push(...members);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
