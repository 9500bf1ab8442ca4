import { type Cidr, widthOf } from '../../api/address.ts';
import type { RuleSet } from '../iptables/rules.ts';
import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import type { ServicePort } from '../model/serviceport.ts';
import { categorizeEndpoints } from '../model/topology.ts';
import type { IpvsContext } from './context.ts';
import { type Servers, serverKey, type VirtualServer } from './servers.ts';
import { type Entries, type SetId, type Sets, setIds } from './sets.ts';

/** All that a proxy in IPVS mode wants in the kernel, for one address family. */
export interface IpvsState {
  readonly servers: Servers;
  /** On the dummy device. */
  readonly addresses: Entries;
  readonly sets: Sets;
  readonly rules: RuleSet;
}

/** What one Service port puts into the state. */
export interface Part {
  readonly servers: ReadonlyMap<string, VirtualServer>;
  readonly bound: ReadonlySet<string>;
  readonly entries: readonly (readonly [set: SetId, entry: string])[];
  /** Rules of KUBE-IPVS-OUT-FILTER. */
  readonly blocked: readonly string[];
}

/** What a Service port needs on this node, as kube-proxy 1.33 makes it. Pure. Upstream: the loop of `syncProxyRules`. */
export function partOf({ port, endpoints }: Row, context: IpvsContext): Part {
  const { cluster, local } = categorizeEndpoints(endpoints, port, context.topology);
  // Without an endpoint here, clients of this node still reach the others; answers to anybody else get lost.
  const nearby = local.length > 0 ? local : cluster;
  const options = serverOptions(context.scheduler, port);
  const internal = virtualServer(options, port.internalPolicyLocal ? nearby : cluster);
  const external = virtualServer(options, port.externalPolicyLocal ? nearby : cluster);
  const { protocol, clusterIP, externalIPs, loadBalancerVIPs, nodePort } = port;
  const outside = [...externalIPs, ...loadBalancerVIPs];
  return {
    servers: new Map([
      [serverKey(protocol, clusterIP, port.port), internal],
      ...outside.map((ip) => [serverKey(protocol, ip, port.port), external] as const),
      ...(nodePort
        ? context.nodePortIps.map((ip) => [serverKey(protocol, ip, nodePort), external] as const)
        : []),
    ]),
    bound: new Set([clusterIP, ...outside.filter((ip) => !context.ownIps.has(ip))]),
    entries: [
      ...endpoints
        .filter(({ isLocal }) => isLocal)
        .map(({ ip, port: number }) => ['KUBE-LOOP-BACK', `${triple(ip, port, number)},${ip}`] as const),
      ['KUBE-CLUSTER-IP', triple(clusterIP, port)],
      ...externalIPs.map((ip) => [`KUBE-EXTERNAL-IP${ofPolicy(port, '-LOCAL')}`, triple(ip, port)] as const),
      ...loadBalancerVIPs.flatMap((ip) => loadBalancerEntries(ip, port, context)),
      ...(nodePort ? nodePortEntries(port, context) : []),
      ...(port.healthCheckNodePort
        ? [['KUBE-HEALTH-CHECK-NODE-PORT', String(port.healthCheckNodePort)] as const]
        : []),
    ],
    blocked: closedToNode(port, context)
      ? loadBalancerVIPs.map(
          (ip) =>
            `-s ${ip} -m ipvs --vproto ${protocolNumbers[protocol]} --vaddr ${ip} --vport ${port.port} -j DROP`,
        )
      : [],
  };
}

/** All but the bitmaps of SCTP ports, which sets of addresses with ports took the place of. */
export const todaysSets: readonly SetId[] = setIds.filter((id) => !id.endsWith('-SCTP'));

/** In the order in which `ipvsadm-save` prints them. */
function serverOptions(scheduler: string, { affinitySeconds }: ServicePort): string {
  return [
    `-s ${scheduler}`,
    ...(affinitySeconds > 0 ? [`-p ${affinitySeconds}`] : []),
    // mh looks at the port too, or all connections of a client would go to one endpoint.
    ...(scheduler === 'mh' ? ['-b mh-port'] : []),
  ].join(' ');
}

export function virtualServer(options: string, endpoints: readonly Endpoint[]): VirtualServer {
  return { options, reals: new Map(endpoints.map(({ text }) => [text, 1])) };
}

export type Entry = readonly [set: SetId, entry: string];

/** `10.96.0.10,tcp:80`, the form of hash:ip,port. */
export function triple(ip: string, { protocol, port }: ServicePort, number = port): string {
  return `${ip},${protocol.toLowerCase()}:${number}`;
}

const ofPolicy = <T extends string>({ externalPolicyLocal }: ServicePort, local: T): T | '' =>
  externalPolicyLocal ? local : '';

export function loadBalancerEntries(ip: string, port: ServicePort, context: IpvsContext): Entry[] {
  const entry = triple(ip, port);
  const entries: Entry[] = [['KUBE-LOAD-BALANCER', entry]];
  if (port.externalPolicyLocal) entries.push(['KUBE-LOAD-BALANCER-LOCAL', entry]);
  if (port.loadBalancerSourceRanges.length === 0) return entries;
  entries.push(['KUBE-LOAD-BALANCER-FW', entry]);
  for (const range of port.loadBalancerSourceRanges)
    entries.push(['KUBE-LOAD-BALANCER-SOURCE-CIDR', `${entry},${network(range)}`]);
  // The node reaches the address with that address as its source.
  if (!closedToNode(port, context)) entries.push(['KUBE-LOAD-BALANCER-SOURCE-IP', `${entry},${ip}`]);
  return entries;
}

/** `ipset` prints a network of one address without its length. */
function network({ family, text }: Cidr): string {
  const whole = `/${widthOf(family)}`;
  return text.endsWith(whole) ? text.slice(0, -whole.length) : text;
}

/** Whether loadBalancerSourceRanges leave the node itself out. */
function closedToNode({ loadBalancerSourceRanges }: ServicePort, { inRanges }: IpvsContext): boolean {
  return loadBalancerSourceRanges.length > 0 && !inRanges(loadBalancerSourceRanges);
}

function nodePortEntries(port: ServicePort, { nodePortIps }: IpvsContext): Entry[] {
  const { protocol, nodePort } = port;
  const entries =
    protocol === 'SCTP' ? nodePortIps.map((ip) => triple(ip, port, nodePort)) : [String(nodePort)];
  if (nodePortIps.length === 0) return [];
  const kind = protocol === 'SCTP' ? 'SCTP-HASH' : protocol;
  return entries.flatMap((entry): Entry[] => [
    [`KUBE-NODE-PORT-${kind}`, entry],
    ...(port.externalPolicyLocal ? [[`KUBE-NODE-PORT-LOCAL-${kind}`, entry] as const] : []),
  ]);
}

/** As `iptables-save` prints them. */
const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 };
