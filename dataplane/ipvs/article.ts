import { dialectOf } from '../iptables/dialect.ts';
import type { RuleSet, SharedLines, Table } from '../iptables/rules.ts';
import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import type { ServicePort } from '../model/serviceport.ts';
import type { IpvsContext } from './context.ts';
import type { IpvsDialect } from './dialect.ts';
import { clusterIpRule, externalIpRules, type Filled, jump, lookups, natHooks } from './rules.ts';
import { serverKey } from './servers.ts';
import type { SetId } from './sets.ts';
import { type Entry, loadBalancerEntries, type Part, triple, virtualServer } from './state.ts';

/**
 * IPVS mode of kube-proxy 1.11 to 1.13: the firewall of load balancers stands in the table nat and marks what
 * the kubelet's chains drop, SCTP node ports are a bitmap, hairpin traffic is masqueraded for endpoints of every node,
 * and nothing keeps a Service's address from answering. 1.10 gets the same form. These releases knew ready endpoints
 * only, and no topology. Upstream: `pkg/proxy/ipvs/proxier.go` of release-1.12.
 */
export const articleDialect: IpvsDialect = {
  sets: [
    'KUBE-LOOP-BACK',
    'KUBE-CLUSTER-IP',
    'KUBE-EXTERNAL-IP',
    'KUBE-LOAD-BALANCER',
    'KUBE-LOAD-BALANCER-FW',
    'KUBE-LOAD-BALANCER-LOCAL',
    'KUBE-LOAD-BALANCER-SOURCE-IP',
    'KUBE-LOAD-BALANCER-SOURCE-CIDR',
    'KUBE-NODE-PORT-TCP',
    'KUBE-NODE-PORT-LOCAL-TCP',
    'KUBE-NODE-PORT-UDP',
    'KUBE-NODE-PORT-LOCAL-UDP',
    'KUBE-NODE-PORT-SCTP',
    'KUBE-NODE-PORT-LOCAL-SCTP',
  ],
  part: articlePart,
  rules: articleRules,
};

function articlePart({ port, endpoints }: Row, context: IpvsContext): Part {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const local = ready.filter(({ isLocal }) => isLocal);
  const { protocol, clusterIP, externalIPs, loadBalancerVIPs, nodePort, externalPolicyLocal } = port;
  const options = serverOptions(context.scheduler, port);
  const server = (reals: readonly Endpoint[]) => virtualServer(options, reals);
  // Load balancers kept to the node's own endpoints only with session affinity.
  const balanced = externalPolicyLocal && port.affinitySeconds > 0 ? local : ready;
  const nodePorts = nodePort ? context.nodePortIps : [];
  return {
    servers: new Map([
      [serverKey(protocol, clusterIP, port.port), server(ready)],
      ...externalIPs.map((ip) => [serverKey(protocol, ip, port.port), server(ready)] as const),
      ...loadBalancerVIPs.map((ip) => [serverKey(protocol, ip, port.port), server(balanced)] as const),
      ...nodePorts.map(
        (ip) => [serverKey(protocol, ip, nodePort), server(externalPolicyLocal ? local : ready)] as const,
      ),
    ]),
    // The node's own addresses too.
    bound: new Set([clusterIP, ...externalIPs, ...loadBalancerVIPs]),
    entries: [
      ...ready.map(
        ({ ip, port: number }) => ['KUBE-LOOP-BACK', `${triple(ip, port, number)},${ip}`] as const,
      ),
      ['KUBE-CLUSTER-IP', triple(clusterIP, port)],
      ...externalIPs.map((ip) => ['KUBE-EXTERNAL-IP', triple(ip, port)] as const),
      ...loadBalancerVIPs.flatMap((ip) => loadBalancerEntries(ip, port, context)),
      ...(nodePort ? nodePortEntries(port) : []),
    ],
    blocked: [],
  };
}

const serverOptions = (scheduler: string, { affinitySeconds }: ServicePort) =>
  affinitySeconds > 0 ? `-s ${scheduler} -p ${affinitySeconds}` : `-s ${scheduler}`;

function nodePortEntries({ protocol, nodePort, externalPolicyLocal }: ServicePort): Entry[] {
  const entry = String(nodePort);
  return [
    [`KUBE-NODE-PORT-${protocol}`, entry],
    ...(externalPolicyLocal ? [[`KUBE-NODE-PORT-LOCAL-${protocol}`, entry] as const] : []),
  ];
}

/** What iptables mode of that release, and the kubelet, write around Services is written here too. */
function articleRules(context: IpvsContext, filled: Filled): RuleSet {
  const { filter, nat } = dialectOf('1.12').overallTables(noLines, context);
  const chains = (table: Table, ...names: string[]) =>
    names.map((name) => [name, table.chains.get(name) ?? []] as const);
  const { when, match } = lookups(context, filled);
  const both = 'dst,dst';
  const three = 'dst,dst,src';
  const look = { when, match };
  const nodePort = (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => {
    const options = { protocol: protocol.toLowerCase() };
    return [
      ...when(`KUBE-NODE-PORT-LOCAL-${protocol}`, 'dst', jump('RETURN'), options),
      ...(protocol === 'SCTP'
        ? []
        : when(`KUBE-NODE-PORT-${protocol}`, 'dst', jump('KUBE-MARK-MASQ'), options)),
    ];
  });
  const services = [
    ...when('KUBE-LOAD-BALANCER', both, jump('KUBE-LOAD-BALANCER')),
    ...when('KUBE-NODE-PORT-SCTP', 'dst', jump('KUBE-NODE-PORT'), { protocol: 'sctp' }),
    ...clusterIpRule(context, look),
    ...when('KUBE-EXTERNAL-IP', both, jump('KUBE-MARK-MASQ')),
    ...externalIpRules('KUBE-EXTERNAL-IP', look),
    '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
    ...(['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const)
      .filter(filled)
      .map((id: SetId) => `${match(id, both)} -j ACCEPT`),
  ];
  return {
    family: context.family,
    mangle: { chains: new Map(), hooks: [] },
    filter: {
      chains: new Map(chains(filter, 'KUBE-FORWARD', 'KUBE-FIREWALL')),
      hooks: filter.hooks.filter(({ rule }) => /-j KUBE-(FORWARD|FIREWALL)$/.test(rule)),
    },
    nat: {
      hooks: natHooks,
      chains: new Map([
        ['KUBE-SERVICES', services],
        [
          'KUBE-POSTROUTING',
          [
            ...(nat.chains.get('KUBE-POSTROUTING') ?? []),
            ...when('KUBE-LOOP-BACK', three, jump('MASQUERADE')),
          ],
        ],
        [
          'KUBE-FIREWALL',
          [
            ...when('KUBE-LOAD-BALANCER-SOURCE-CIDR', three, jump('RETURN')),
            ...when('KUBE-LOAD-BALANCER-SOURCE-IP', three, jump('RETURN')),
            '-j KUBE-MARK-DROP',
          ],
        ],
        ['KUBE-NODE-PORT', nodePort],
        [
          'KUBE-LOAD-BALANCER',
          [
            ...when('KUBE-LOAD-BALANCER-FW', both, jump('KUBE-FIREWALL')),
            ...when('KUBE-LOAD-BALANCER-LOCAL', both, jump('RETURN')),
            jump('KUBE-MARK-MASQ'),
          ],
        ],
        ...chains(nat, 'KUBE-MARK-MASQ', 'KUBE-MARK-DROP'),
      ]),
    },
  };
}

const noLines: SharedLines = {
  natServices: [],
  natNodePorts: [],
  services: [],
  external: [],
  nodePorts: [],
  firewall: [],
};
