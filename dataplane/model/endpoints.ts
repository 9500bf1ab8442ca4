import { type Family, formatAddress, joinHostPort, parseAddress } from '../../api/address.ts';
import type { Endpoint as ApiEndpoint, EndpointSlice } from '../../api/types.ts';

/** One address that may serve one Service port. Upstream: `pkg/proxy/endpoint.go`. */
export interface Endpoint {
  /** `ip:port`, IPv6 in brackets: the endpoint's identity. */
  readonly text: string;
  readonly ip: string;
  readonly port: number;
  /** Whether the pod runs on this node. */
  readonly isLocal: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Zones this endpoint is meant for; undefined without hints. */
  readonly zoneHints?: ReadonlySet<string>;
  /** Nodes this endpoint is meant for, likewise. */
  readonly nodeHints?: ReadonlySet<string>;
}

/** The label that ties an EndpointSlice to its Service. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** `namespace/name` of the Service a slice belongs to, or undefined when nothing says so. */
export function serviceOfSlice(slice: EndpointSlice): string | undefined {
  const name = slice.metadata?.labels?.[serviceNameLabel];
  return name ? `${slice.metadata?.namespace ?? 'default'}/${name}` : undefined;
}

/**
 * Merges the slices of one Service: endpoints by `portName/PROTOCOL`, each address once, in upstream's
 * order (by text). An address may stand in two slices while the controller moves an endpoint, or when a new pod
 * got it before the old one was gone: what does not terminate wins, then what is on this node. Addresses of
 * another family than the slice's are left out.
 */
export function endpointsByPort(
  slices: Iterable<EndpointSlice>,
  family: Family,
  nodeName: string,
): Map<string, Endpoint[]> {
  const ports = new Map<string, Map<string, Endpoint>>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    for (const port of slice.ports ?? []) {
      if (!port.port) continue;
      const key = `${port.name ?? ''}/${port.protocol ?? 'TCP'}`;
      const known = ports.get(key) ?? new Map<string, Endpoint>();
      ports.set(key, known);
      for (const one of slice.endpoints ?? []) {
        const endpoint = toEndpoint(one, port.port, family, nodeName);
        if (endpoint && wins(endpoint, known.get(endpoint.text))) known.set(endpoint.text, endpoint);
      }
    }
  }
  return new Map([...ports].map(([key, known]) => [key, [...known.values()].sort(byText)]));
}

function wins(endpoint: Endpoint, known: Endpoint | undefined): boolean {
  if (!known) return true;
  return endpoint.terminating === known.terminating ? endpoint.isLocal : known.terminating;
}

function toEndpoint(
  endpoint: ApiEndpoint,
  port: number,
  family: Family,
  nodeName: string,
): Endpoint | undefined {
  const address = parseAddress(endpoint.addresses?.[0] ?? '');
  if (address?.family !== family) return undefined;
  const ip = formatAddress(family, address.value);
  const { ready, serving, terminating } = endpoint.conditions ?? {};
  const { forZones: zones = [], forNodes: nodes = [] } = endpoint.hints ?? {};
  return {
    text: joinHostPort(ip, port),
    ip,
    port,
    isLocal: nodeName !== '' && endpoint.nodeName === nodeName,
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    ...(zones.length > 0 ? { zoneHints: new Set(zones.map((zone) => zone.name)) } : {}),
    ...(nodes.length > 0 ? { nodeHints: new Set(nodes.map((node) => node.name)) } : {}),
  };
}

/** By bytes, not by locale: 10.0.0.10:80 stands before 10.0.0.9:80, as upstream sorts. */
function byText(a: Endpoint, b: Endpoint): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}
