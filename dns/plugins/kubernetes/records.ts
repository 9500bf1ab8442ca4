import { isDeepStrictEqual } from 'node:util';
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
  addresses: { ip: string; hostname: string; target: string; topologyZone: string }[];
  ports: PortRecord[];
}

/** A pod that runs. */
export interface PodRecord {
  name: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  ips: readonly string[];
}

/** A view of the cluster by name and by address: where the kubernetes plugin finds its answers. */
export interface Records {
  service(name: string, namespace: string): ServiceRecord | undefined;
  services(): Iterable<ServiceRecord>;
  /** The slices of a Service, by `SERVICE.NAMESPACE`. */
  slices(service: string): Iterable<SliceRecord>;
  servicesByIp(ip: string): Iterable<ServiceRecord>;
  slicesByIp(ip: string): Iterable<SliceRecord>;
  podsByIp(ip: string): Iterable<PodRecord>;
  hasNamespace(name: string): boolean;
  /** Unix time in seconds of the last change that shows in an answer: the zone's serial. */
  readonly modified: number;
  readonly synced: boolean;
}

/** {@link Records} that objects are put into: by informers or from a list. */
export interface RecordStore extends Records {
  put(object: KubeObject): void;
  delete(object: KubeObject): void;
  /** Says that all there was at the beginning has been put. */
  markSynced(): void;
}

/** `of` says whose Services these are: this cluster's, or those that several clusters share (KEP-1645). */
export function createRecords(
  now: () => number = Date.now,
  of: 'cluster' | 'clusterset' = 'cluster',
): RecordStore {
  const [serviceKind, labels] = kindsOf[of];
  const namespaces = new Set<string>();
  const services = new Map<string, ServiceRecord>();
  const serviceIps = createIndex<ServiceRecord>();
  const slices = new Map<string, SliceRecord>();
  const slicesOf = createIndex<SliceRecord>();
  const sliceIps = createIndex<SliceRecord>();
  const pods = new Map<string, PodRecord>();
  const podIps = createIndex<PodRecord>();
  let modified = Math.floor(now() / 1000);
  let synced = false;

  const touch = () => {
    modified = Math.floor(now() / 1000);
  };

  function replaceService(key: string, record: ServiceRecord | undefined): void {
    const old = services.get(key);
    if (isDeepStrictEqual(old, record)) return;
    if (old) for (const ip of old.clusterIps) serviceIps.delete(ip, old);
    services.delete(key);
    if (record) {
      services.set(key, record);
      for (const ip of record.clusterIps) serviceIps.add(ip, record);
    }
    touch();
  }

  function replaceSlice(key: string, record: SliceRecord | undefined): void {
    const old = slices.get(key);
    if (isDeepStrictEqual(old, record)) return;
    if (old) {
      slicesOf.delete(old.service, old);
      for (const { ip } of old.addresses) sliceIps.delete(ip, old);
    }
    slices.delete(key);
    if (record) {
      slices.set(key, record);
      slicesOf.add(record.service, record);
      for (const { ip } of record.addresses) sliceIps.add(ip, record);
    }
    touch();
  }

  function replacePod(key: string, record: PodRecord | undefined): void {
    const old = pods.get(key);
    if (isDeepStrictEqual(old, record)) return;
    if (!isDeepStrictEqual(old?.ips, record?.ips)) touch();
    if (old) for (const ip of old.ips) podIps.delete(ip, old);
    pods.delete(key);
    if (!record) return;
    pods.set(key, record);
    for (const ip of record.ips) podIps.add(ip, record);
  }

  return {
    service: (name, namespace) => services.get(`${name}.${namespace}`),
    services: () => services.values(),
    slices: (service) => slicesOf.get(service),
    servicesByIp: (ip) => serviceIps.get(canonicalAddress(ip)),
    slicesByIp: (ip) => sliceIps.get(canonicalAddress(ip)),
    podsByIp: (ip) => podIps.get(canonicalAddress(ip)),
    hasNamespace: (name) => namespaces.has(name),
    get modified() {
      return modified;
    },
    get synced() {
      return synced;
    },
    markSynced() {
      synced = true;
    },
    put(object) {
      const { name = '', namespace = '' } = object.metadata ?? {};
      if (isNamespace(object)) namespaces.add(name);
      else if (object.kind === serviceKind) replaceService(`${name}.${namespace}`, serviceRecord(object));
      else if (isEndpointSlice(object)) replaceSlice(`${namespace}/${name}`, sliceRecord(object, labels));
      else if (isPod(object)) replacePod(`${namespace}/${name}`, podRecord(object));
    },
    delete(object) {
      const { name = '', namespace = '' } = object.metadata ?? {};
      if (isNamespace(object)) namespaces.delete(name);
      else if (object.kind === serviceKind) replaceService(`${name}.${namespace}`, undefined);
      else if (isEndpointSlice(object)) replaceSlice(`${namespace}/${name}`, undefined);
      else if (isPod(object)) replacePod(`${namespace}/${name}`, undefined);
    },
  };
}

interface SliceLabels {
  service: string;
  cluster: string;
}

const kindsOf: Record<'cluster' | 'clusterset', [serviceKind: string, labels: SliceLabels]> = {
  cluster: ['Service', { service: 'kubernetes.io/service-name', cluster: '' }],
  clusterset: [
    'ServiceImport',
    {
      service: 'multicluster.kubernetes.io/service-name',
      cluster: 'multicluster.kubernetes.io/source-cluster',
    },
  ],
};

function serviceRecord(object: KubeObject): ServiceRecord {
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

function sliceRecord({ metadata, endpoints, ports }: EndpointSlice, labels: SliceLabels): SliceRecord {
  const addresses: SliceRecord['addresses'] = [];
  for (const { addresses: ips, conditions, hostname = '', targetRef, zone = '' } of endpoints ?? []) {
    if (conditions?.ready === false) continue; // unknown counts as ready
    const name = targetRef?.name ?? '';
    const target = name.length < 64 ? name : ''; // a longer one cannot be a label
    for (const ip of ips ?? [])
      addresses.push({ ip: canonicalAddress(ip), hostname, target, topologyZone: zone.toLowerCase() });
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
function podRecord({ metadata, status }: Pod): PodRecord | undefined {
  if (metadata?.deletionTimestamp || endedPhases.has(status?.phase ?? '')) return undefined;
  const given = status?.podIPs?.map(({ ip }) => ip ?? '') ?? [status?.podIP ?? ''];
  const ips = given.filter((ip) => ip !== '').map(canonicalAddress);
  if (ips.length === 0) return undefined;
  const { name = '', namespace = '', labels = {} } = metadata ?? {};
  return { name, namespace, labels, ips };
}

const isNamespace = (object: KubeObject): object is Namespace => object.kind === 'Namespace';
const isService = (object: KubeObject): object is Service => object.kind === 'Service';
const isPod = (object: KubeObject): object is Pod => object.kind === 'Pod';
const isEndpointSlice = (object: KubeObject): object is EndpointSlice => object.kind === 'EndpointSlice';

interface Index<T> {
  get(key: string): Iterable<T>;
  add(key: string, value: T): void;
  delete(key: string, value: T): void;
}

const nothing: never[] = [];

function createIndex<T>(): Index<T> {
  const sets = new Map<string, Set<T>>();
  return {
    get: (key) => sets.get(key) ?? nothing,
    add(key, value) {
      const set = sets.get(key);
      if (set) set.add(value);
      else sets.set(key, new Set([value]));
    },
    delete(key, value) {
      const set = sets.get(key);
      if (set?.delete(value) && set.size === 0) sets.delete(key);
    },
  };
}
