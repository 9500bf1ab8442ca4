import type { Family } from '../../api/address.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { type Endpoint, endpointsByPort, serviceOfSlice } from './endpoints.ts';
import {
  headlessLabel,
  type ServicePort,
  servicePortKey,
  servicePorts,
  serviceProxyNameLabel,
} from './serviceport.ts';

/** A Service port with its endpoints. A new object whenever anything in it may have changed, else the same one. */
export interface Row {
  readonly port: ServicePort;
  readonly endpoints: readonly Endpoint[];
}

/** Services and EndpointSlices of one address family as rows, kept current by telling it what changed. */
export interface Model {
  setService(key: string, service: Service | undefined): void;
  setSlice(key: string, slice: EndpointSlice | undefined): void;
  /**
   * Every row by `servicePortKey`, in any order. Looks only at Services told of since the last call. It is always
   * the same map, brought up to date by this.
   */
  rows(): ReadonlyMap<string, Row>;
  /** Rows that came, changed or went since the last call of this, as they were then; undefined where there was none. */
  changes(): ReadonlyMap<string, Row | undefined>;
}

const noEndpoints: readonly Endpoint[] = [];

/** An empty model. `nodeName` decides which endpoints are local. */
export function createModel(family: Family, nodeName: string): Model {
  const services = new Map<string, Service>();
  const slices = new Map<string, Map<string, EndpointSlice>>();
  const serviceOf = new Map<string, string>();
  const keysOf = new Map<string, string[]>();
  const dirty = new Set<string>();
  const rows = new Map<string, Row>();
  let changes = new Map<string, Row | undefined>();

  function put(key: string, row: Row | undefined): void {
    if (!changes.has(key)) changes.set(key, rows.get(key));
    if (row) rows.set(key, row);
    else rows.delete(key);
  }

  function dropSlice(key: string): void {
    const service = serviceOf.get(key);
    if (service === undefined) return;
    serviceOf.delete(key);
    const siblings = slices.get(service);
    siblings?.delete(key);
    if (siblings?.size === 0) slices.delete(service);
    dirty.add(service);
  }

  function rebuild(key: string): void {
    const service = services.get(key);
    const ports = service ? servicePorts(service, family) : [];
    const endpoints = endpointsByPort(inOrder(slices.get(key)), family, nodeName);
    const keys: string[] = [];
    for (const port of ports) {
      const rowKey = servicePortKey(port);
      const row = { port, endpoints: endpoints.get(`${port.portName}/${port.protocol}`) ?? noEndpoints };
      const old = rows.get(rowKey);
      keys.push(rowKey);
      if (!old || !sameRow(old, row)) put(rowKey, row);
    }
    for (const old of keysOf.get(key) ?? []) if (!keys.includes(old)) put(old, undefined);
    if (keys.length > 0) keysOf.set(key, keys);
    else keysOf.delete(key);
  }

  function settle(): void {
    for (const key of dirty) rebuild(key);
    dirty.clear();
  }

  return {
    setService(key, service) {
      if (service) services.set(key, service);
      else services.delete(key);
      dirty.add(key);
    },
    setSlice(key, slice) {
      dropSlice(key);
      const service = slice && !isForeign(slice) ? serviceOfSlice(slice) : undefined;
      if (!slice || !service) return;
      serviceOf.set(key, service);
      const siblings = slices.get(service) ?? new Map<string, EndpointSlice>();
      slices.set(service, siblings);
      siblings.set(key, slice);
      dirty.add(service);
    },
    rows() {
      settle();
      return rows;
    },
    changes() {
      settle();
      const latest = changes;
      changes = new Map();
      return latest;
    },
  };
}

/** By name: of two slices that tell differently of one endpoint it must not matter which came first. */
function inOrder(slices: ReadonlyMap<string, EndpointSlice> = new Map()): EndpointSlice[] {
  return [...slices].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, slice]) => slice);
}

function isForeign(slice: EndpointSlice): boolean {
  const labels = slice.metadata?.labels ?? {};
  return serviceProxyNameLabel in labels || headlessLabel in labels;
}

/** Rows are small and hold only data: their JSON tells whether a rule could differ. */
function sameRow(a: Row, b: Row): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint(row: Row): string {
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value instanceof Set ? [...value].sort() : value,
  );
}
