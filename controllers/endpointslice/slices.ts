import { controllerReference } from '../../api/object.ts';
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice, Service } from '../../api/types.ts';
import { canonicalJson, sameJson } from '../lookup.ts';

/** Endpoints that share all their ports; they may stand in one slice. */
export interface EndpointGroup {
  ports: DiscoveryEndpointPort[];
  endpoints: Endpoint[];
}

/** What has to be written to bring the slices of one address type in line. */
export interface SliceChanges {
  create: EndpointSlice[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

/** What makes a slice of an owner: its name prefix, labels and owner reference. */
export interface SliceTemplate {
  addressType: string;
  maxEndpoints: number;
  /** With generateName, labels, ownerReferences, namespace. */
  metadata: NonNullable<EndpointSlice['metadata']>;
  /** An empty slice stands where no endpoint does, so that "none" can be told from "not yet". */
  placeholder: boolean;
}

/**
 * The fewest writes that make `existing` (all of one address type and owner) carry `groups`: endpoints stay
 * where they are, freed places are filled, whole new slices come last. Upstream:
 * `staging/src/k8s.io/endpointslice/reconciler.go`.
 */
export function planSlices(
  existing: readonly EndpointSlice[],
  groups: readonly EndpointGroup[],
  template: SliceTemplate,
): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], delete: [] };
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = portKey(slice.ports ?? []);
    byPorts.set(key, [...(byPorts.get(key) ?? []), slice]);
  }
  for (const group of groups) {
    const key = portKey(group.ports);
    const planned = planGroup(byPorts.get(key) ?? [], group, template);
    byPorts.delete(key);
    changes.create.push(...planned.create);
    changes.update.push(...planned.update);
    changes.delete.push(...planned.delete);
  }
  changes.delete.push(...[...byPorts.values()].flat());

  if (template.placeholder && changes.create.length === 0 && changes.delete.length === existing.length) {
    const [kept] = existing;
    const alreadyPlaceholder =
      existing.length === 1 && kept && !kept.endpoints?.length && !kept.ports?.length;
    if (alreadyPlaceholder) {
      const current = withMetadata(kept, template);
      return { create: [], update: current === kept ? [] : [current], delete: [] };
    }
    changes.create.push(newSlice([], [], template));
  }
  return recycle(changes);
}

function planGroup(
  existing: readonly EndpointSlice[],
  { ports, endpoints }: EndpointGroup,
  template: SliceTemplate,
): SliceChanges {
  const desired = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const changed: EndpointSlice[] = [];
  const unchanged: EndpointSlice[] = [];
  const emptied: EndpointSlice[] = [];

  for (const slice of existing) {
    const kept: Endpoint[] = [];
    let same = true;
    for (const endpoint of slice.endpoints ?? []) {
      const wanted = desired.get(endpointKey(endpoint));
      same &&= wanted !== undefined && sameJson(wanted, endpoint);
      if (wanted) kept.push(wanted);
      desired.delete(endpointKey(endpoint));
    }
    const labelled = withMetadata(slice, template);
    if (kept.length === 0) emptied.push(slice);
    else if (same && labelled === slice) unchanged.push(slice);
    else changed.push({ ...labelled, endpoints: kept });
  }

  const left = [...desired.values()];
  // Slices that are written anyway take what fits, the fullest first.
  changed.sort((a, b) => (b.endpoints?.length ?? 0) - (a.endpoints?.length ?? 0));
  for (const slice of changed) {
    const room = template.maxEndpoints - (slice.endpoints?.length ?? 0);
    slice.endpoints = [...(slice.endpoints ?? []), ...left.splice(0, Math.max(0, room))];
  }
  const created: EndpointSlice[] = [];
  while (left.length > 0) {
    // What does not fill a slice of its own goes to the unchanged slice it fills best.
    const target =
      left.length < template.maxEndpoints ? sliceToFill(unchanged, left.length, template) : undefined;
    if (target) {
      unchanged.splice(unchanged.indexOf(target), 1);
      changed.push({ ...target, endpoints: [...(target.endpoints ?? []), ...left.splice(0)] });
    } else {
      created.push(newSlice(left.splice(0, template.maxEndpoints), ports, template));
    }
  }
  return { create: created, update: changed, delete: emptied };
}

/** The slice that is nearest to full with so many endpoints more. Upstream: getSliceToFill. */
function sliceToFill(
  slices: readonly EndpointSlice[],
  count: number,
  { maxEndpoints }: SliceTemplate,
): EndpointSlice | undefined {
  const roomAfter = (slice: EndpointSlice) => maxEndpoints - (slice.endpoints?.length ?? 0) - count;
  return slices.filter((slice) => roomAfter(slice) >= 0).sort((a, b) => roomAfter(a) - roomAfter(b))[0];
}

/** A slice to delete and one to create become one to update. */
function recycle(changes: SliceChanges): SliceChanges {
  const pairs = Math.min(changes.create.length, changes.delete.length);
  const updated = changes.create.slice(0, pairs).map((slice, index): EndpointSlice => {
    const target = changes.delete[index];
    const { generateName: _prefix, ...metadata } = slice.metadata ?? {};
    const { name, uid, resourceVersion, generateName, annotations } = target?.metadata ?? {};
    return {
      ...slice,
      metadata: Object.fromEntries(
        Object.entries({ ...metadata, name, uid, resourceVersion, generateName, annotations }).filter(
          ([, value]) => value !== undefined,
        ),
      ),
    };
  });
  return {
    create: changes.create.slice(pairs),
    update: [...changes.update, ...updated],
    delete: changes.delete.slice(pairs),
  };
}

function newSlice(
  endpoints: Endpoint[],
  ports: DiscoveryEndpointPort[],
  template: SliceTemplate,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...template.metadata },
    addressType: template.addressType,
    endpoints,
    ports,
  };
}

/** The slice with the template's labels; the very same object where they are already right. */
function withMetadata(slice: EndpointSlice, { metadata }: SliceTemplate): EndpointSlice {
  if (sameJson(slice.metadata?.labels ?? {}, metadata.labels ?? {})) return slice;
  return {
    ...slice,
    metadata: { ...slice.metadata, ...(metadata.labels ? { labels: metadata.labels } : {}) },
  };
}

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const headlessLabel = 'service.kubernetes.io/headless';

/** Metadata of a slice of `service`: the Service's own labels and the reserved ones. */
export function serviceSliceMetadata(service: Service, managedBy: string): SliceTemplate['metadata'] {
  const { name = '', namespace = '', labels = {} } = service.metadata ?? {};
  const { [headlessLabel]: _headless, ...own } = labels;
  const prefix = `${name}-`;
  return {
    // A name may have 253 characters, five of them generated.
    generateName: prefix.length > 248 ? name : prefix,
    namespace,
    labels: {
      ...own,
      ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
      [serviceNameLabel]: name,
      [managedByLabel]: managedBy,
    },
    ownerReferences: [controllerReference(service)],
  };
}

/** Equal for equal sets of ports. */
export function portKey(ports: readonly DiscoveryEndpointPort[]): string {
  return ports.map(canonicalJson).sort().join();
}

/** What makes two endpoints the same one, whatever their conditions. Upstream: `endpointset.go`. */
function endpointKey({ addresses, hostname, targetRef, nodeName }: Endpoint): string {
  const target = targetRef && [targetRef.namespace, targetRef.name, targetRef.uid];
  return JSON.stringify([[...addresses].sort(), hostname ?? '', nodeName ?? '', target]);
}
