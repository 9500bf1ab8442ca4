import { canonicalAddress, type Family, joinHostPort } from '../../api/address.ts';
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
 * order (by text). An endpoint may stand in two slices while the controller moves it; a local one wins.
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
        const endpoint = toEndpoint(one, port.port, nodeName);
        if (endpoint && (endpoint.isLocal || !known.has(endpoint.text))) known.set(endpoint.text, endpoint);
      }
    }
  }
  return new Map([...ports].map(([key, known]) => [key, [...known.values()].sort(byText)]));
}

function toEndpoint(endpoint: ApiEndpoint, port: number, nodeName: string): Endpoint | undefined {
  const ip = canonicalAddress(endpoint.addresses?.[0] ?? '');
  if (!ip) return undefined;
  const { ready, serving, terminating } = endpoint.conditions ?? {};
  const zones = endpoint.hints?.forZones ?? [];
  return {
    text: joinHostPort(ip, port),
    ip,
    port,
    isLocal: nodeName !== '' && endpoint.nodeName === nodeName,
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    ...(zones.length > 0 ? { zoneHints: new Set(zones.map((zone) => zone.name)) } : {}),
  };
}

/** By bytes, not by locale: 10.0.0.10:80 stands before 10.0.0.9:80, as upstream sorts. */
function byText(a: Endpoint, b: Endpoint): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}
