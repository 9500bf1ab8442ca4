import type { Row } from '../model/model.ts';
import type { ServicePort } from '../model/serviceport.ts';
import { type Categorized, categorizeEndpoints } from '../model/topology.ts';
import type { RuleContext } from './context.ts';
import type { Chain, Element, NftSet } from './table.ts';

/** What one Service port, or the node itself, puts into the table. Things that several put in are the same thing. */
export interface Fragment {
  readonly sets: readonly (readonly [string, NftSet])[];
  readonly chains: readonly (readonly [string, Chain])[];
  readonly elements: readonly Element[];
}

/** One Service port and what this node does with it. */
export interface Plan extends Categorized {
  readonly port: ServicePort;
  /** `tcp`, `udp`, `sctp`. */
  readonly protocol: string;
  /** Whether traffic to the ClusterIP, or from outside, finds an endpoint. */
  readonly internal: boolean;
  readonly external: boolean;
  readonly usesFirewall: boolean;
}

/** Upstream: the first half of the loop of `syncProxyRules` in `pkg/proxy/nftables/proxier.go`. */
export function planOf({ port, endpoints }: Row, { topology }: RuleContext): Plan {
  const categorized = categorizeEndpoints(endpoints, port, topology);
  const { hasAny, local } = categorized;
  return {
    ...categorized,
    port,
    protocol: port.protocol.toLowerCase(),
    internal: hasAny && !(port.internalPolicyLocal && local.length === 0),
    external: hasAny && !(port.externalPolicyLocal && local.length === 0),
    usesFirewall: port.loadBalancerVIPs.length > 0 && port.loadBalancerSourceRanges.length > 0,
  };
}

/** `10.96.0.10 . tcp . 80` */
export const frontend = ({ port, protocol }: Plan, address: string) =>
  `${address} . ${protocol} . ${port.port}`;

/** Every address of a Service but the ClusterIP. */
export const externalAddresses = ({ port }: Plan) => [...port.externalIPs, ...port.loadBalancerVIPs];

/** The ClusterIP, and what is refused: rejected where no node has an endpoint, dropped where only this one has none. */
export function refusals(plan: Plan): Element[] {
  const { port, protocol, hasAny, internal, external } = plan;
  const refused = { value: hasAny ? 'drop' : 'goto reject-chain', comment: port.name };
  const elements: Element[] = [{ set: 'cluster-ips', key: port.clusterIP }];
  const services = [...(internal ? [] : [port.clusterIP]), ...(external ? [] : externalAddresses(plan))];
  for (const ip of services)
    elements.push({ set: 'no-endpoint-services', key: frontend(plan, ip), ...refused });
  if (!external && port.nodePort)
    elements.push({ set: 'no-endpoint-nodeports', key: `${protocol} . ${port.nodePort}`, ...refused });
  return elements;
}

/** Who may come to a load balancer address: the ranges, and the addresses themselves where the node lies in one. */
export function allowedSources({ port }: Plan, { inRanges }: RuleContext): string[] {
  const ranges = port.loadBalancerSourceRanges;
  // A VIP is often a local address too; then the node's own requests carry it as their source.
  return [...ranges.map(({ text }) => text), ...(inRanges(ranges) ? port.loadBalancerVIPs : [])];
}
