import type { Family } from '../../api/address.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Service } from '../../api/types.ts';
import { type ServicePort, servicePorts } from '../../dataplane/model/serviceport.ts';
import type { Packet } from '../../dataplane/packet.ts';
import { endpointCount, endpointPlace } from './objects.ts';

/** One question: where does such a packet go? */
export interface Flow extends Packet {
  readonly family: Family;
  readonly protocol: string;
  /** What the destination is: `externalIP of ns1/s3:p80`. */
  readonly door: Door;
  /** The Service port that the destination belongs to. */
  readonly service?: ServicePort;
  /** Of that Service. */
  readonly type?: string;
  /** Its loadBalancerSourceRanges, as they are written. */
  readonly ranges?: readonly string[];
  /** Who sends. */
  readonly from: string;
}

export type Door =
  | 'clusterIP'
  | 'externalIP'
  | 'loadBalancerIP'
  | 'nodePort'
  | 'nodePort on the bridge'
  | 'nodePort on loopback'
  | 'nodePort of another node'
  | 'another port of the clusterIP'
  | 'another protocol'
  | 'health check node port'
  | 'a clusterIP of nobody'
  | 'an endpoint'
  | 'the world';

/** Addresses of the node that is looked at. */
export const nodeAddresses: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['172.18.0.3', '10.244.1.1'],
  IPv6: ['fd00:172::3', 'fd00:244:1::1'],
};

interface Source {
  readonly from: string;
  readonly source: string;
  readonly bridged?: boolean;
  readonly interface?: string;
}

/** Pods of this node, and behind its bridge; of another node; the node; others, within source ranges and without. */
function sourcesOf(family: Family): Source[] {
  const four = family === 'IPv4';
  const [first, second, far] = [1, 3, 2].map((number) => endpointPlace(number)[family]);
  return [
    { from: 'pod', source: four ? '10.244.1.9' : 'fd00:244:1::9', interface: 'cni0' },
    {
      from: 'pod on a bridge',
      source: four ? '10.244.1.9' : 'fd00:244:1::9',
      interface: 'cni0',
      bridged: true,
    },
    { from: 'pod that is an endpoint', source: first ?? '', interface: 'cni0' },
    { from: 'another pod that is an endpoint', source: second ?? '', interface: 'cni0' },
    { from: 'endpoint of another node', source: far ?? '', interface: 'eth0' },
    { from: 'pod of another node', source: four ? '10.244.2.9' : 'fd00:244:2::9', interface: 'eth0' },
    { from: 'node', source: four ? '172.18.0.3' : 'fd00:172::3' },
    { from: 'another node', source: four ? '172.18.0.4' : 'fd00:172::4', interface: 'eth0' },
    { from: 'client in a source range', source: four ? '192.0.2.7' : '2001:db8::7', interface: 'eth0' },
    {
      from: 'client in some source ranges',
      source: four ? '192.0.2.8' : '2001:db8:0:1::8',
      interface: 'eth0',
    },
    { from: 'client in no source range', source: four ? '203.0.113.9' : '2001:db9::9', interface: 'eth0' },
  ];
}

/** Every flow that these objects are worth asking for, in both families. */
export function flowsOf(objects: readonly KubeObject[]): Flow[] {
  const services = objects.filter((object): object is Service => object.kind === 'Service');
  return (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const ports = services.flatMap((service) => servicePorts(everyAddress(service), family));
    return [...services.flatMap((service) => flowsTo(service, family)), ...flowsElsewhere(ports, family)];
  });
}

function flowsTo(service: Service, family: Family): Flow[] {
  const { type = 'ClusterIP', loadBalancerSourceRanges: ranges = [] } = service.spec ?? {};
  return servicePorts(everyAddress(service), family).flatMap((port) =>
    flowsToPort(port, family).map((flow) => ({ ...flow, type, ranges })),
  );
}

/** Addresses of load balancers that proxy are asked for as well. */
function everyAddress(service: Service): Service {
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map(({ ipMode: _, ...one }) => one);
  return { ...service, status: { ...service.status, loadBalancer: { ingress } } };
}

function flowsToPort(service: ServicePort, family: Family): Flow[] {
  const protocol = service.protocol.toLowerCase();
  const [primary = '', bridge = ''] = nodeAddresses[family];
  const loopback = family === 'IPv4' ? '127.0.0.1' : '::1';
  const to = (door: Door, destination: string, port: number, sources = sourcesOf(family), other = protocol) =>
    sources.map((one) => ({
      ...one,
      family,
      door,
      service,
      destination,
      port,
      protocol: other,
      nodeIps: nodeAddresses[family],
    }));
  const { clusterIP, port, nodePort, externalIPs, loadBalancerVIPs } = service;
  const few = sourcesOf(family).filter(({ from }) => ['pod', 'node', 'another node'].includes(from));
  return [
    ...to('clusterIP', clusterIP, port),
    ...externalIPs.flatMap((ip) => to('externalIP', ip, port)),
    ...loadBalancerVIPs.flatMap((ip) =>
      to('loadBalancerIP', ip, port, [
        ...sourcesOf(family),
        { from: 'the load balancer IP itself', source: ip },
      ]),
    ),
    ...(nodePort
      ? [
          ...to('nodePort', primary, nodePort),
          ...to('nodePort on the bridge', bridge, nodePort),
          ...to('nodePort on loopback', loopback, nodePort, [
            { from: 'the node on loopback', source: loopback },
          ]),
          ...to('nodePort of another node', family === 'IPv4' ? '172.18.0.4' : 'fd00:172::4', nodePort, few),
        ]
      : []),
    ...to('another port of the clusterIP', clusterIP, 9, few),
    ...to(
      'another protocol',
      clusterIP,
      port,
      few,
      { tcp: 'udp', udp: 'sctp', sctp: 'tcp' }[protocol] ?? 'tcp',
    ),
    ...(service.healthCheckNodePort
      ? to('health check node port', primary, service.healthCheckNodePort, undefined, 'tcp')
      : []),
  ];
}

function flowsElsewhere(ports: readonly ServicePort[], family: Family): Flow[] {
  const four = family === 'IPv4';
  const places: [Door, string, number][] = [
    ['a clusterIP of nobody', four ? '10.96.200.1' : 'fd00:96::c801', ports[0]?.port ?? 80],
    ['the world', four ? '8.8.8.8' : '2001:4860:4860::8888', 53],
    ...Array.from({ length: endpointCount }, (_, i): [Door, string, number] => [
      'an endpoint',
      endpointPlace(i + 1)[family],
      8000 + i,
    ]),
  ];
  return places.flatMap(([door, destination, port]) =>
    sourcesOf(family)
      .filter(({ source }) => source !== destination)
      .map((one) => ({
        ...one,
        family,
        door,
        destination,
        port,
        protocol: 'tcp',
        nodeIps: nodeAddresses[family],
      })),
  );
}
