import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import type { RuleContext } from './context.ts';
import { learnChain, type PickChain, pickChain, sourcesChain } from './flatchains.ts';
import {
  allowedSources,
  externalAddresses,
  type Fragment,
  frontend,
  type Plan,
  planOf,
  refusals,
} from './plan.ts';
import type { Chain, Element, NftSet } from './table.ts';

/**
 * One Service port in layout `flat`: elements of maps that all Services share, and the chains those lead
 * to, one for each number of endpoints. No chain belongs to one Service. See README.md.
 */
export function flatFragment(row: Row, context: RuleContext): Fragment {
  const plan = planOf(row, context);
  const chains = new Map<string, Chain>();
  const sets = new Map<string, NftSet>();
  const elements = refusals(plan);
  for (const way of waysIn(plan)) {
    const { name, chain } = pickChain(plan, way, context);
    chains.set(name, chain);
    elements.push({ set: way.map, key: way.key, value: `goto ${name}` });
    for (const [i, { ip, port }] of way.endpoints.entries())
      elements.push({ set: way.picks, key: `${way.pickKey} . ${i}`, value: `${ip} . ${port}` });
  }
  for (const { ip } of plan.reachable) elements.push({ set: 'hairpin-endpoints', key: `${ip} . ${ip}` });
  if (plan.usesFirewall) firewall(plan, context, { chains, sets, elements });
  if (plan.port.affinitySeconds && context.ip === 'ip') {
    const { name, chain } = learnChain(plan, context);
    chains.set(name, chain);
    for (const { map, key } of waysIn(plan)) {
      const set = map.endsWith('nodeports') ? 'affinity-nodeports' : 'affinity-ips';
      elements.push({ set, key, value: `goto ${name}` });
    }
  }
  return { chains: [...chains], sets: [...sets], elements };
}

/** One address and port that leads to endpoints. */
interface Way extends PickChain {
  /** Where it is looked up, as what: `service-ips`, `10.96.0.10 . tcp . 80`. */
  readonly map: string;
  readonly key: string;
  /** The key of its endpoints, before their number. */
  readonly pickKey: string;
  readonly endpoints: readonly Endpoint[];
}

function waysIn(plan: Plan): Way[] {
  const { port, protocol, cluster, local, internal, external, hasAny } = plan;
  const ways: Way[] = [];
  const add = (way: Omit<Way, 'picks' | 'count'>, picks: string) => {
    if (way.endpoints.length > 0)
      ways.push({ ...way, picks: `${protocol}-${picks}`, count: way.endpoints.length });
  };
  const address = (map: string, ip: string) => ({
    map,
    key: frontend(plan, ip),
    pickKey: `${ip} . ${port.port}`,
  });
  const nodePort = (map: string) => ({
    map,
    key: `${protocol} . ${port.nodePort}`,
    pickKey: `${port.nodePort}`,
  });
  const inside = port.internalPolicyLocal ? local : cluster;
  if (internal)
    add({ ...address('service-ips', port.clusterIP), kind: 'cluster-ip', endpoints: inside }, 'endpoints');
  if (!hasAny) return ways;
  const kind = port.externalPolicyLocal ? 'local' : 'external';
  const outside = external ? (port.externalPolicyLocal ? local : cluster) : [];
  for (const ip of externalAddresses(plan)) {
    add({ ...address('service-ips', ip), kind, endpoints: outside }, 'endpoints');
    if (port.externalPolicyLocal)
      add({ ...address('inside-ips', ip), kind: 'inside', endpoints: cluster }, 'inside-endpoints');
  }
  if (port.nodePort) {
    add({ ...nodePort('service-nodeports'), kind, endpoints: outside }, 'nodeport-endpoints');
    if (port.externalPolicyLocal)
      add(
        { ...nodePort('inside-nodeports'), kind: 'inside', endpoints: cluster },
        'inside-nodeport-endpoints',
      );
  }
  return ways;
}

/** Ranges are kept by their length, each as what remains of an address that lies in it. */
function firewall(
  plan: Plan,
  context: RuleContext,
  into: { chains: Map<string, Chain>; sets: Map<string, NftSet>; elements: Element[] },
): void {
  const width = context.ip === 'ip' ? 32 : 128;
  const ranges = allowedSources(plan, context).map((text) => {
    const [address = '', bits = width] = text.split('/');
    return { address, bits: Number(bits) };
  });
  const lengths = [...new Set(ranges.map(({ bits }) => bits))].sort((a, b) => a - b);
  const { name, chain } = sourcesChain(lengths, context);
  into.chains.set(name, chain);
  for (const bits of lengths)
    into.sets.set(`source-ranges-${bits}`, {
      type: `${context.address} . inet_proto . inet_service . ${context.address}`,
    });
  for (const ip of plan.port.loadBalancerVIPs) {
    const key = frontend(plan, ip);
    into.elements.push({ set: 'firewall-ips', key, value: `goto ${name}` });
    for (const { address, bits } of ranges)
      into.elements.push({ set: `source-ranges-${bits}`, key: `${key} . ${address}` });
  }
}
