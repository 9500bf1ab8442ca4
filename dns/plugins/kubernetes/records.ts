import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../api/object.ts';
import { canonicalAddress } from '../../wire/addresses.ts';
import {
  type EndpointRecord,
  isEndpointSlice,
  isNamespace,
  isPod,
  type PodRecord,
  podRecord,
  type ServiceRecord,
  type SliceLabels,
  type SliceRecord,
  serviceRecord,
  sliceRecord,
} from './objects.ts';
import { createReads, type Reads } from './reads.ts';

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
  /** Whether what was looked up by a name or an address is still as it was. */
  readonly reads: Pick<Reads, 'during'>;
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
  const slices = new Map<string, SliceRecord>();
  const pods = new Map<string, PodRecord>();
  const reads = createReads();
  // What is read and changes by a Service's name, `SERVICE.NAMESPACE`, and by an address.
  const slicesOf = createIndex<SliceRecord>(reads);
  const serviceIps = createIndex<ServiceRecord>(reads);
  const sliceIps = createIndex<SliceRecord>(reads);
  const podIps = createIndex<PodRecord>(reads);
  let modified = Math.floor(now() / 1000);
  let synced = false;

  const touch = () => {
    modified = Math.floor(now() / 1000);
  };

  function replaceNamespace(name: string, exists: boolean): void {
    if (namespaces.has(name) === exists) return;
    if (exists) namespaces.add(name);
    else namespaces.delete(name);
    reads.changed(keyOfNamespace(name));
  }

  function replaceService(key: string, record: ServiceRecord | undefined): void {
    const old = services.get(key);
    if (isDeepStrictEqual(old, record)) return;
    if (old) for (const ip of old.clusterIps) serviceIps.delete(ip, old);
    services.delete(key);
    if (record) {
      services.set(key, record);
      for (const ip of record.clusterIps) serviceIps.add(ip, record);
    }
    reads.changed(key);
    touch();
  }

  function replaceSlice(key: string, record: SliceRecord | undefined): void {
    const old = slices.get(key);
    if (old && record && old.service === record.service && old.cluster === record.cluster) {
      updateSlice(old, record);
      return;
    }
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
    if (old || record) touch();
  }

  /** Changes what is different only: most of a big Service's endpoints stay when one comes or goes. */
  function updateSlice(slice: SliceRecord, { addresses, ports }: SliceRecord): void {
    const isSame =
      addresses.length === slice.addresses.length &&
      addresses.every((address, index) => address === slice.addresses[index]) &&
      isDeepStrictEqual(ports, slice.ports);
    if (isSame) return;
    const before = new Set<EndpointRecord>(slice.addresses);
    const after = new Set<EndpointRecord>(addresses);
    for (const address of before) if (!after.has(address)) sliceIps.delete(address.ip, slice);
    for (const address of after) if (!before.has(address)) sliceIps.add(address.ip, slice);
    slice.addresses = addresses;
    slice.ports = ports;
    reads.changed(slice.service);
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
    reads,
    service(name, namespace) {
      const key = `${name}.${namespace}`;
      reads.note(key);
      return services.get(key);
    },
    services: () => services.values(),
    slices: (service) => slicesOf.get(service),
    servicesByIp: (ip) => serviceIps.get(canonicalAddress(ip)),
    slicesByIp: (ip) => sliceIps.get(canonicalAddress(ip)),
    podsByIp: (ip) => podIps.get(canonicalAddress(ip)),
    hasNamespace(name) {
      reads.note(keyOfNamespace(name));
      return namespaces.has(name);
    },
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
      const key = `${namespace}/${name}`;
      if (isNamespace(object)) replaceNamespace(name, true);
      else if (object.kind === serviceKind) replaceService(`${name}.${namespace}`, serviceRecord(object));
      else if (isEndpointSlice(object)) replaceSlice(key, sliceRecord(object, labels, slices.get(key)));
      else if (isPod(object)) replacePod(key, podRecord(object));
    },
    delete(object) {
      const { name = '', namespace = '' } = object.metadata ?? {};
      if (isNamespace(object)) replaceNamespace(name, false);
      else if (object.kind === serviceKind) replaceService(`${name}.${namespace}`, undefined);
      else if (isEndpointSlice(object)) replaceSlice(`${namespace}/${name}`, undefined);
      else if (isPod(object)) replacePod(`${namespace}/${name}`, undefined);
    },
  };
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

const keyOfNamespace = (name: string) => `namespace ${name}`;

interface Index<T> {
  get(key: string): Iterable<T>;
  add(key: string, value: T): void;
  delete(key: string, value: T): void;
}

const nothing: never[] = [];

/** Values by key; reading and changing is told to `reads`. */
function createIndex<T>(reads: Reads): Index<T> {
  const sets = new Map<string, Set<T>>();
  return {
    get(key) {
      reads.note(key);
      return sets.get(key) ?? nothing;
    },
    add(key, value) {
      const set = sets.get(key);
      if (set) set.add(value);
      else sets.set(key, new Set([value]));
      reads.changed(key);
    },
    delete(key, value) {
      const set = sets.get(key);
      if (set?.delete(value) && set.size === 0) sets.delete(key);
      reads.changed(key);
    },
  };
}
