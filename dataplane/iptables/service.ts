import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import {
  externallyAccessible,
  type ServicePort,
  usesClusterEndpoints,
  usesLocalEndpoints,
} from '../model/serviceport.ts';
import { type Categorized, categorizeEndpoints } from '../model/topology.ts';
import type { RuleContext } from './context.ts';
import { endpointChain, type ServiceChains, serviceChains } from './names.ts';

/**
 * What one Service port puts into the tables. Rules are written as after `-A CHAIN`, in kube-proxy's
 * own wording; the chains named by `shared` collect the lines of all Services.
 */
export interface ServiceRules {
  /** Chains of its own in the nat table. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Lines for KUBE-SERVICES and KUBE-NODEPORTS of the nat table. */
  readonly nat: { readonly services: readonly string[]; readonly nodePorts: readonly string[] };
  /** Lines for the filter table's chains. */
  readonly filter: {
    readonly services: readonly string[];
    readonly external: readonly string[];
    readonly nodePorts: readonly string[];
    readonly firewall: readonly string[];
  };
}

/** Everything about one port while its rules are written. */
interface Plan extends Categorized {
  readonly port: ServicePort;
  readonly context: RuleContext;
  readonly names: ServiceChains;
  /** Whether traffic to the ClusterIP, or from outside, finds an endpoint. */
  readonly internal: boolean;
  readonly external: boolean;
  /** The chain that holds the endpoints of internal, of external traffic. */
  readonly internalChain: string;
  readonly externalPolicyChain: string;
  readonly usesFirewall: boolean;
}

/** The rules of one Service port on this node. Upstream: the loop of `syncProxyRules` in `pkg/proxy/iptables/proxier.go`. */
export function serviceRules({ port, endpoints }: Row, context: RuleContext): ServiceRules {
  const categorized = categorizeEndpoints(endpoints, port, context.topology);
  const names = serviceChains(port);
  const { hasAny, local } = categorized;
  const plan: Plan = {
    ...categorized,
    port,
    context,
    names,
    internal: hasAny && !(port.internalPolicyLocal && local.length === 0),
    external: hasAny && !(port.externalPolicyLocal && local.length === 0),
    internalChain: port.internalPolicyLocal ? names.local : names.cluster,
    externalPolicyChain: port.externalPolicyLocal ? names.local : names.cluster,
    usesFirewall: hasAny && port.loadBalancerVIPs.length > 0 && port.loadBalancerSourceRanges.length > 0,
  };
  return { chains: ownChains(plan), nat: natLines(plan), filter: filterLines(plan) };
}

/** `-m comment --comment …`; iptables wants quotes only around blanks. */
export function comment(text: string): string {
  return `-m comment --comment ${text.includes(' ') ? `"${text}"` : text}`;
}

/** What is addressed to the port of the Service at one of its addresses. */
export function matchTo(port: ServicePort, address: string): string {
  return `${matchProtocol(port)} -d ${address} --dport ${port.port}`;
}

export function matchProtocol(port: ServicePort): string {
  const name = port.protocol.toLowerCase();
  return `-m ${name} -p ${name}`;
}

function natLines({
  port,
  names,
  hasAny,
  internal,
  internalChain,
  usesFirewall,
  context,
}: Plan): ServiceRules['nat'] {
  const services: string[] = [];
  const nodePorts: string[] = [];
  if (internal)
    services.push(
      `${comment(`${port.name} cluster IP`)} ${matchTo(port, port.clusterIP)} -j ${internalChain}`,
    );
  if (!hasAny) return { services, nodePorts };
  for (const ip of port.externalIPs)
    services.push(`${comment(`${port.name} external IP`)} ${matchTo(port, ip)} -j ${names.external}`);
  for (const ip of port.loadBalancerVIPs) {
    const chain = usesFirewall ? names.firewall : names.external;
    services.push(`${comment(`${port.name} loadbalancer IP`)} ${matchTo(port, ip)} -j ${chain}`);
  }
  if (port.nodePort) {
    const start = `${comment(port.name)} ${matchProtocol(port)}`;
    const end = `-j ${names.external}`;
    if (context.counters && context.localhostNodePorts)
      nodePorts.push(
        `${start} -d 127.0.0.0/8 --dport ${port.nodePort} -m nfacct --nfacct-name localhost_nps_accepted_pkts ${end}`,
      );
    nodePorts.push(`${start} --dport ${port.nodePort} ${end}`);
  }
  return { services, nodePorts };
}

/** What is refused: REJECT where no node has an endpoint, DROP where only this one has none. */
function filterLines({
  port,
  names,
  hasAny,
  internal,
  external,
  usesFirewall,
}: Plan): ServiceRules['filter'] {
  const lines = {
    services: [] as string[],
    external: [] as string[],
    nodePorts: [] as string[],
    firewall: [] as string[],
  };
  const why = comment(`${port.name} has no ${hasAny ? 'local ' : ''}endpoints`);
  const verdict = `-j ${hasAny ? 'DROP' : 'REJECT'}`;
  if (!internal) lines.services.push(`${why} ${matchTo(port, port.clusterIP)} ${verdict}`);
  if (!external) {
    for (const ip of [...port.externalIPs, ...port.loadBalancerVIPs])
      lines.external.push(`${why} ${matchTo(port, ip)} ${verdict}`);
    if (port.nodePort)
      lines.external.push(
        `${why} -m addrtype --dst-type LOCAL ${matchProtocol(port)} --dport ${port.nodePort} ${verdict}`,
      );
  }
  if (usesFirewall)
    for (const ip of port.loadBalancerVIPs)
      lines.firewall.push(
        `${comment(`${port.name} traffic not accepted by ${names.firewall}`)} ${matchTo(port, ip)} -j DROP`,
      );
  if (port.healthCheckNodePort)
    lines.nodePorts.push(
      `${comment(`${port.name} health check node port`)} -m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`,
    );
  return lines;
}

function ownChains(plan: Plan): Map<string, readonly string[]> {
  const { port, names, cluster, local, reachable, hasAny } = plan;
  const chains = new Map<string, readonly string[]>();
  if (hasAny && externallyAccessible(port)) chains.set(names.external, externalChain(plan));
  if (plan.usesFirewall) chains.set(names.firewall, firewallChain(plan));
  if (cluster.length > 0 && usesClusterEndpoints(port))
    chains.set(names.cluster, policyChain(plan, names.cluster, cluster));
  if (local.length > 0 && usesLocalEndpoints(port))
    chains.set(names.local, policyChain(plan, names.local, local));
  for (const endpoint of reachable)
    chains.set(endpointChain(port, endpoint.text), endpointRules(plan, endpoint));
  return chains;
}

/** Clients outside the cluster are masqueraded unless the policy keeps them on this node. */
function externalChain({
  port,
  names,
  external,
  externalPolicyChain,
  context: { detector },
}: Plan): string[] {
  const about = (what: string) => comment(`${what} traffic for ${port.name} external destinations`);
  const rules: string[] = [];
  if (port.externalPolicyLocal) {
    // Pods and the node itself behave as if they had gone out to a load balancer and come back.
    if (detector) rules.push(`${about('pod')} ${detector.match} -j ${names.cluster}`);
    rules.push(
      `${about('masquerade LOCAL')} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
      `${about('route LOCAL')} -m addrtype --src-type LOCAL -j ${names.cluster}`,
    );
  } else rules.push(`${about('masquerade')} -j KUBE-MARK-MASQ`);
  if (external) rules.push(`-j ${externalPolicyChain}`);
  return rules;
}

function firewallChain({ port, names, context }: Plan): string[] {
  const start = comment(`${port.name} loadbalancer IP`);
  const allowed = port.loadBalancerSourceRanges.map((cidr) => cidr.text);
  // A VIP is often a local address too; then the node's own requests carry it as their source.
  if (context.inRanges(port.loadBalancerSourceRanges)) allowed.push(...port.loadBalancerVIPs);
  return [
    ...allowed.map((source) => `${start} -s ${source} -j ${names.external}`),
    comment(`other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL`),
  ];
}

/** KUBE-SVC- or KUBE-SVL-: masquerade what is not ours, then affinity, then a fair draw. */
function policyChain(
  { port, internal, internalChain, context }: Plan,
  chain: string,
  endpoints: readonly Endpoint[],
): string[] {
  const { detector, masqueradeAll, large } = context;
  const rules: string[] = [];
  if (internal && chain === internalChain && (masqueradeAll || detector)) {
    const off = masqueradeAll ? '' : ` ${detector?.negated}`;
    rules.push(
      `${comment(`${port.name} cluster IP`)} ${matchTo(port, port.clusterIP)}${off} -j KUBE-MARK-MASQ`,
    );
  }
  const start = (endpoint: Endpoint) => (large ? '' : `${comment(`${port.name} -> ${endpoint.text}`)} `);
  if (port.affinitySeconds)
    for (const endpoint of endpoints) {
      const target = endpointChain(port, endpoint.text);
      rules.push(
        `${start(endpoint)}-m recent --name ${target} --rcheck --seconds ${port.affinitySeconds} --reap -j ${target}`,
      );
    }
  for (const [i, endpoint] of endpoints.entries()) {
    const left = endpoints.length - i;
    const draw = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : '';
    rules.push(`${start(endpoint)}${draw}-j ${endpointChain(port, endpoint.text)}`);
  }
  return rules;
}

/** KUBE-SEP-: a client that is its own server must not see its own address. */
function endpointRules({ port, context }: Plan, endpoint: Endpoint): string[] {
  const start = context.large ? '' : `${comment(port.name)} `;
  const affinity = port.affinitySeconds
    ? `-m recent --name ${endpointChain(port, endpoint.text)} --set `
    : '';
  return [
    `${start}-s ${endpoint.ip} -j KUBE-MARK-MASQ`,
    `${start}${affinity}${matchProtocol(port)} -j DNAT --to-destination ${endpoint.text}`,
  ];
}
