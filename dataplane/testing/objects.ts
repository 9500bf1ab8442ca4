import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Service, ServiceSpec } from '../../api/types.ts';

/** Objects for tests, as short as they can be. */

/** A Service `namespace/name`; `loadBalancer` are ingress addresses of its status. */
export function service(
  key: string,
  spec: ServiceSpec,
  { loadBalancer = [] as string[], labels = {} } = {},
): Service {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, labels },
    spec,
    status: { loadBalancer: { ingress: loadBalancer.map((ip) => ({ ip })) } },
  };
}

/** What `slice` needs to know of one endpoint; the rest is as the API defaults it. */
export interface EndpointOptions {
  ip: string;
  node?: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
  zones?: string[];
}

/** An EndpointSlice of `namespace/service`, with one port unless `ports` says otherwise. A bare address is a ready endpoint on no known node. */
export function slice(
  key: string,
  endpoints: (string | EndpointOptions)[],
  {
    port = 80,
    portName = 'p80',
    protocol = 'TCP',
    suffix = 'a',
    addressType = 'IPv4',
    ports = [{ name: portName, port, protocol }],
  }: {
    port?: number;
    portName?: string;
    protocol?: string;
    suffix?: string;
    addressType?: string;
    ports?: { name: string; port: number; protocol: string }[];
  } = {},
): EndpointSlice {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${name}-${suffix}`, labels: { 'kubernetes.io/service-name': name } },
    addressType,
    ports,
    endpoints: endpoints.map((endpoint) => {
      const { ip, node, zones, ...conditions } = typeof endpoint === 'string' ? { ip: endpoint } : endpoint;
      return {
        addresses: [ip],
        conditions,
        ...(node ? { nodeName: node } : {}),
        ...(zones ? { hints: { forZones: zones.map((zone) => ({ name: zone })) } } : {}),
      };
    }),
  };
}

/** A Node with addresses and labels. */
export function node(
  name: string,
  ips: string[],
  labels: Record<string, string> = {},
  podCIDRs: string[] = [],
): KubeObject & object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { podCIDRs },
    status: { addresses: ips.map((address) => ({ type: 'InternalIP', address })) },
  } as KubeObject;
}
