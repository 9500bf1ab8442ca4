import type { KubeObject } from '../../../api/object.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../../../api/types.ts';
import { canonicalAddress } from '../../wire/addresses.ts';

/** What DNS needs to know of a Service. */
export interface ServiceRecord {
  name: string;
  namespace: string;
  type: string;
  /** `None` alone for a headless one. */
  clusterIps: string[];
  headless: boolean;
  externalName: string;
  /** One port of number -1 where the Service has none. */
  ports: PortRecord[];
}

export interface PortRecord {
  name: string;
  protocol: string;
  port: number;
}

/** A Service of several clusters (multicluster.x-k8s.io/v1alpha1). */
export interface ServiceImport extends KubeObject {
  spec?: {
    type?: string;
    ips?: string[];
    ports?: { name?: string; protocol?: string; port: number }[];
  };
}

/** The ready endpoints of one EndpointSlice. */
export interface SliceRecord {
  /** `SERVICE.NAMESPACE`. */
  service: string;
  namespace: string;
  /** Where it comes from, in a view of several clusters. */
  cluster: string;
  addresses: EndpointRecord[];
  ports: PortRecord[];
}

/** One address of an endpoint; never changed, so that two slices can share it. */
export interface EndpointRecord {
  readonly ip: string;
  readonly hostname: string;
  readonly target: string;
  readonly topologyZone: string;
}

/** A pod that runs. */
export interface PodRecord {
  name: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  ips: readonly string[];
}

/** Labels of EndpointSlices that say whose they are. */
export interface SliceLabels {
  service: string;
  cluster: string;
}

export function serviceRecord(object: KubeObject): ServiceRecord {
  return isService(object) ? clusterService(object) : importedService(object as ServiceImport);
}

function importedService({ metadata, spec = {} }: ServiceImport): ServiceRecord {
  return {
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    type: 'ClusterIP',
    clusterIps: (spec.ips ?? []).map(canonicalAddress),
    headless: spec.type === 'Headless',
    externalName: '',
    ports: portsOrNone(
      spec.ports?.map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port })) ?? [],
    ),
  };
}

function clusterService({ metadata, spec = {} }: Service): ServiceRecord {
  const clusterIps = (spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? '']).map(
    canonicalAddress,
  );
  return {
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    type: spec.type ?? 'ClusterIP',
    clusterIps,
    headless: clusterIps[0] === 'None',
    externalName: spec.externalName ?? '',
    ports: portsOrNone(
      spec.ports?.map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port })) ?? [],
    ),
  };
}

/** Endpoints that are as in `old`, the same slice before a change, are taken from there. */
export function sliceRecord(
  { metadata, endpoints, ports }: EndpointSlice,
  labels: SliceLabels,
  old: SliceRecord | undefined,
): SliceRecord {
  const before = new Map(old?.addresses.map((address) => [address.ip, address]));
  const addresses: EndpointRecord[] = [];
  for (const { addresses: ips, conditions, hostname = '', targetRef, zone = '' } of endpoints ?? []) {
    if (conditions?.ready === false) continue; // unknown counts as ready
    const name = targetRef?.name ?? '';
    const target = name.length < 64 ? name : ''; // a longer one cannot be a label
    const topologyZone = zone.toLowerCase();
    for (const text of ips ?? []) {
      const ip = canonicalAddress(text);
      const same = before.get(ip);
      const isSame =
        same?.hostname === hostname && same.target === target && same.topologyZone === topologyZone;
      addresses.push(isSame ? same : { ip, hostname, target, topologyZone });
    }
  }
  return {
    service: `${metadata?.labels?.[labels.service] ?? ''}.${metadata?.namespace ?? ''}`,
    namespace: metadata?.namespace ?? '',
    cluster: metadata?.labels?.[labels.cluster] ?? '',
    addresses,
    ports: portsOrNone(
      ports?.map(({ name, protocol, port }) => ({
        name: name ?? '',
        protocol: protocol ?? '',
        port: port ?? -1,
      })) ?? [],
    ),
  };
}

function portsOrNone(ports: PortRecord[]): PortRecord[] {
  return ports.length > 0 ? ports : [{ name: '', protocol: '', port: -1 }];
}

/** Upstream: the field selector of plugin/kubernetes/controller.go. */
const endedPhases = new Set(['Succeeded', 'Failed', 'Unknown']);

/** A pod that has ended, or is about to, no longer owns its address. */
export function podRecord({ metadata, status }: Pod): PodRecord | undefined {
  if (metadata?.deletionTimestamp || endedPhases.has(status?.phase ?? '')) return undefined;
  const given = status?.podIPs?.map(({ ip }) => ip ?? '') ?? [status?.podIP ?? ''];
  const ips = given.filter((ip) => ip !== '').map(canonicalAddress);
  if (ips.length === 0) return undefined;
  const { name = '', namespace = '', labels = {} } = metadata ?? {};
  return { name, namespace, labels, ips };
}

export const isNamespace = (object: KubeObject): object is Namespace => object.kind === 'Namespace';
const isService = (object: KubeObject): object is Service => object.kind === 'Service';
export const isPod = (object: KubeObject): object is Pod => object.kind === 'Pod';
export const isEndpointSlice = (object: KubeObject): object is EndpointSlice =>
  object.kind === 'EndpointSlice';
