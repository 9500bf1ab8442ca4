import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import { externallyAccessible, usesClusterEndpoints, usesLocalEndpoints } from '../model/serviceport.ts';
import type { RuleContext } from './context.ts';
import { endpointNames, type ServiceChains, serviceChains } from './names.ts';
import {
  allowedSources,
  externalAddresses,
  type Fragment,
  frontend,
  type Plan,
  planOf,
  refusals,
} from './plan.ts';
import type { Chain, Element } from './table.ts';

const markMasquerade = 'jump mark-for-masquerade';

/**
 * One Service port in layout `upstream`: chains of its own behind verdict maps, as kube-proxy has them.
 * Upstream: the loop of `syncProxyRules` in `pkg/proxy/nftables/proxier.go`.
 */
export function serviceFragment(row: Row, context: RuleContext): Fragment {
  const plan = planOf(row, context);
  const names = serviceChains(plan.port);
  return {
    chains: Object.entries(chains(plan, names, context)).map(([name, rules]): [string, Chain] => [
      name,
      { rules },
    ]),
    sets: affinitySets(plan, context),
    elements: [...refusals(plan), ...verdicts(plan, names)],
  };
}

function verdicts(plan: Plan, names: ServiceChains): Element[] {
  const { port, protocol, internal, hasAny, usesFirewall } = plan;
  const elements: Element[] = [];
  const to = (set: string, key: string, chain: string) => elements.push({ set, key, value: `goto ${chain}` });
  const inside = port.internalPolicyLocal ? names.local : names.cluster;
  if (internal) to('service-ips', frontend(plan, port.clusterIP), inside);
  if (hasAny) for (const ip of externalAddresses(plan)) to('service-ips', frontend(plan, ip), names.external);
  if (hasAny && port.nodePort) to('service-nodeports', `${protocol} . ${port.nodePort}`, names.external);
  if (usesFirewall)
    for (const ip of port.loadBalancerVIPs) to('firewall-ips', frontend(plan, ip), names.firewall);
  return elements;
}

function affinitySets({ port, reachable }: Plan, { address }: RuleContext): Fragment['sets'] {
  if (!port.affinitySeconds) return [];
  return reachable.map((endpoint) => [
    endpointNames(port, endpoint).affinity,
    { type: address, flags: ['dynamic', 'timeout'], timeout: port.affinitySeconds, learned: true },
  ]);
}

function chains(plan: Plan, names: ServiceChains, context: RuleContext): Record<string, string[]> {
  const { port, cluster, local, reachable, hasAny } = plan;
  const all: Record<string, string[]> = {};
  if (cluster.length > 0 && usesClusterEndpoints(port))
    all[names.cluster] = policyChain(plan, cluster, context, !port.internalPolicyLocal);
  if (local.length > 0 && usesLocalEndpoints(port))
    all[names.local] = policyChain(plan, local, context, port.internalPolicyLocal);
  if (hasAny && externallyAccessible(port)) all[names.external] = externalChain(plan, names, context);
  if (plan.usesFirewall)
    all[names.firewall] = [`${context.ip} saddr != { ${allowedSources(plan, context).join(' , ')} } drop`];
  for (const endpoint of reachable)
    all[endpointNames(port, endpoint).chain] = endpointChain(plan, endpoint, context);
  return all;
}

/** Masquerade what comes from elsewhere, then who has been here before, then a fair draw. */
function policyChain(
  { port, protocol, internal }: Plan,
  endpoints: readonly Endpoint[],
  { ip, masqueradeAll, detector }: RuleContext,
  isInternal: boolean,
): string[] {
  const rules: string[] = [];
  const named = endpoints.map((endpoint) => endpointNames(port, endpoint));
  if (internal && isInternal && (masqueradeAll || detector)) {
    const off = masqueradeAll ? '' : ` ${detector?.notLocal}`;
    rules.push(`${ip} daddr ${port.clusterIP} ${protocol} dport ${port.port}${off} ${markMasquerade}`);
  }
  if (port.affinitySeconds)
    for (const { chain, affinity } of named) rules.push(`${ip} saddr @${affinity} goto ${chain}`);
  const draw = named.map(({ chain }, i) => `${i} : goto ${chain}`).join(' , ');
  rules.push(`numgen random mod ${named.length} vmap { ${draw} }`);
  return rules;
}

/** Clients outside the cluster are masqueraded unless the policy keeps them on this node. */
function externalChain({ port, external }: Plan, names: ServiceChains, { detector }: RuleContext): string[] {
  const rules: string[] = [];
  if (port.externalPolicyLocal) {
    // Pods and the node itself behave as if they had gone out to a load balancer and come back.
    if (detector) rules.push(`${detector.local} goto ${names.cluster} comment "short-circuit pod traffic"`);
    rules.push(
      `fib saddr type local ${markMasquerade} comment "masquerade local traffic"`,
      `fib saddr type local goto ${names.cluster} comment "short-circuit local traffic"`,
    );
  } else rules.push(markMasquerade);
  if (external) rules.push(`goto ${port.externalPolicyLocal ? names.local : names.cluster}`);
  return rules;
}

/** A client that is its own server must not see its own address. */
function endpointChain({ port, protocol }: Plan, endpoint: Endpoint, { ip }: RuleContext): string[] {
  return [
    `${ip} saddr ${endpoint.ip} ${markMasquerade}`,
    ...(port.affinitySeconds ? [`update @${endpointNames(port, endpoint).affinity} { ${ip} saddr }`] : []),
    `meta l4proto ${protocol} dnat to ${endpoint.text}`,
  ];
}
