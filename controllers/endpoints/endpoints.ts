import { familyOf } from '../../api/address.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Endpoints, Pod, Service } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import {
  addressTypes,
  belongsToService,
  endpointPorts,
  hostnameOf,
  podAddresses,
} from '../endpointslice/endpoint.ts';
import { affectsServices, createServiceIndex } from '../endpointslice/service-index.ts';
import { headlessLabel } from '../endpointslice/slices.ts';
import { createTriggerTimes, triggerTimeAnnotation } from '../endpointslice/trigger-time.ts';
import { isNamespaceEnding } from '../events.ts';
import { createIndex, matchesSelector, namespaceOf, sameJson } from '../lookup.ts';
import { isPodReady } from '../pod.ts';
import { untilSeen } from '../seen.ts';
import { type EndpointEntry, packSubsets, truncateSubsets } from './subsets.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';

/** Publishes the pods behind each Service as one Endpoints object. Upstream: `pkg/controller/endpoint`. */
export const startEndpointsController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('endpoint-controller');
  const podsByNamespace = createIndex(informers.pods, namespaceOf);
  const servicesOf = createServiceIndex(informers.services);
  const triggers = createTriggerTimes();
  /** Services seen to go; Endpoints that wait for their Service to come are left alone. */
  const ended = new Set<string>();
  const queue = context.reconciler('endpoints', reconcile);

  informers.services.onChange(({ type, key }) => {
    if (type === 'deleted') ended.add(key);
    else ended.delete(key);
    queue.enqueue(key);
  });
  informers.endpoints.onChange(({ key }) => queue.enqueue(key));
  informers.pods.onChange((change) => {
    if (!affectsServices(change)) return;
    for (const service of servicesOf(change.object, change.old)) {
      triggers.note(service, change);
      queue.enqueue(service);
    }
  });
  for (const key of informers.services.store.keys()) queue.enqueue(key);
  for (const key of informers.endpoints.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<void> {
    const service = informers.services.store.get(key);
    const existing = informers.endpoints.store.get(key);
    if (!service) {
      triggers.forget(key);
      if (existing) await remove(existing);
      return;
    }
    // Without a selector the Endpoints are the user's.
    if (!service.spec?.selector || service.spec.type === 'ExternalName') return;
    if (service.metadata?.deletionTimestamp) return;
    const selector = service.spec.selector;
    const pods = [...podsByNamespace.get(service.metadata?.namespace ?? '')].filter((pod) =>
      matchesSelector(selector, pod.metadata?.labels),
    );
    const wanted = endpointsOf(service, pods, existing);
    const changed =
      !existing ||
      !sameJson(existing.subsets, wanted.subsets) ||
      !sameJson(existing.metadata?.labels ?? {}, wanted.metadata?.labels) ||
      existing.metadata?.annotations?.[overCapacityAnnotation] !==
        wanted.metadata?.annotations?.[overCapacityAnnotation];
    const triggerTime = triggers.take(key);
    if (!changed) return;
    const { [triggerTimeAnnotation]: _last, ...annotations } = wanted.metadata?.annotations ?? {};
    wanted.metadata = {
      ...wanted.metadata,
      annotations: triggerTime ? { ...annotations, [triggerTimeAnnotation]: triggerTime } : annotations,
    };
    try {
      const written = existing
        ? await client.update(resources.endpoints, wanted)
        : await client.create(resources.endpoints, wanted);
      await untilSeen(informers.endpoints, written);
    } catch (error) {
      if (isNamespaceEnding(error) || hasReason(error, 'Conflict') || hasReason(error, 'AlreadyExists'))
        throw error;
      const verb = existing ? 'update' : 'create';
      const cause = error instanceof Error ? error.message : String(error);
      recorder.event(
        service,
        'Warning',
        existing ? 'FailedToUpdateEndpoint' : 'FailedToCreateEndpoint',
        `Failed to ${verb} endpoint ${key}: ${cause}`,
      );
      throw error;
    }
  }

  /** The Service is gone, and so is the need for its Endpoints. Leader election records are not ours. */
  async function remove({ metadata }: Endpoints): Promise<void> {
    if (metadata?.annotations?.['control-plane.alpha.kubernetes.io/leader']) return;
    const { name = '', namespace = '', uid = '' } = metadata ?? {};
    // At the start nothing was seen to go yet: what this controller made, it ends.
    const ours = metadata?.labels?.[managedByLabel] !== undefined;
    if (!ended.delete(`${namespace}/${name}`) && !ours) return;
    try {
      await client.delete(resources.endpoints, { name, namespace }, { preconditions: { uid } });
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }
};

/** The Endpoints a Service is to have; metadata it does not manage is carried over from `existing`. */
export function endpointsOf(
  service: Service,
  pods: readonly Pod[],
  existing: Endpoints | undefined,
): Endpoints {
  const { name = '', namespace = '', labels } = service.metadata ?? {};
  const subsets = packSubsets(pods.flatMap((pod) => entryOf(service, pod)));
  const truncated = truncateSubsets(subsets);
  const { [overCapacityAnnotation]: _over, ...annotations } = existing?.metadata?.annotations ?? {};
  const { [headlessLabel]: _headless, ...own } = labels ?? {};
  return {
    ...existing,
    metadata: {
      ...existing?.metadata,
      name,
      namespace,
      annotations: truncated ? { ...annotations, [overCapacityAnnotation]: 'truncated' } : annotations,
      labels: {
        ...own,
        ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
        [managedByLabel]: 'endpoint-controller',
      },
    },
    subsets: truncated ?? subsets,
  };
}

function entryOf(service: Service, pod: Pod): EndpointEntry[] {
  const includeNotReady = service.spec?.publishNotReadyAddresses ?? false;
  if (!belongsToService(pod, includeNotReady)) return [];
  const [family] = addressTypes(service);
  const ip = podAddresses(pod).find((address) => familyOf(address) === family);
  if (ip === undefined) return [];
  const ports = endpointPorts(service, pod).map(({ name, port = 0, protocol = 'TCP', appProtocol }) => ({
    ...(name ? { name } : {}),
    port,
    protocol,
    ...(appProtocol ? { appProtocol } : {}),
  }));
  const headless = service.spec?.clusterIP === 'None';
  if (ports.length === 0 && !(headless && !service.spec?.ports?.length)) return [];
  const hostname = hostnameOf(pod, service);
  return [
    {
      address: {
        ip,
        ...(hostname ? { hostname } : {}),
        ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
        targetRef: {
          kind: 'Pod',
          namespace: pod.metadata?.namespace ?? '',
          name: pod.metadata?.name ?? '',
          uid: pod.metadata?.uid ?? '',
        },
      },
      ready: includeNotReady || isPodReady(pod),
      ports,
    },
  ];
}
