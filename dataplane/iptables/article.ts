import type { Endpoint } from '../model/endpoints.ts';
import type { Row } from '../model/model.ts';
import { externallyAccessible, type ServicePort } from '../model/serviceport.ts';
import type { RuleContext } from './context.ts';
import type { Dialect } from './dialect.ts';
import { endpointChain, serviceChains } from './names.ts';
import { hook, newOnly } from './overall.ts';
import { comment, matchProtocol, matchTo, type ServiceRules } from './service.ts';

/**
 * The rules of kube-proxy 1.10 to 1.13, which the articles show: `namespace/name:` for an unnamed port,
 * KUBE-MARK-MASQ at the place where a Service is addressed, KUBE-XLB- for externalTrafficPolicy Local,
 * probabilities of five digits. These releases knew ready endpoints only, and no topology.
 * Upstream: `pkg/proxy/iptables/proxier.go` of release-1.12.
 *
 * @param options.comments whether rules that lead to endpoints carry one; 1.11 lost them to a slip that
 *   lasted until 1.16 (`appendServiceCommentLocked`)
 */
export function articleDialect({ comments }: { comments: boolean }): Dialect {
  return {
    serviceRules(row, context) {
      return rulesOf(planOf(row, context, comments));
    },
    overallTables(shared, context) {
      const nat = new Map<string, readonly string[]>([
        ['KUBE-SERVICES', [...shared.natServices, ...nodePortJumps(context)]],
        ['KUBE-NODEPORTS', shared.natNodePorts],
        ['KUBE-POSTROUTING', [`${comment(masquerading)} ${marked(context)} -j MASQUERADE`]],
        ['KUBE-MARK-MASQ', [`-j MARK --set-xmark ${context.mark}/${context.mark}`]],
        ['KUBE-MARK-DROP', [`-j MARK --set-xmark ${dropMark}`]],
      ]);
      const filter = new Map<string, readonly string[]>([
        ['KUBE-SERVICES', shared.services],
        ['KUBE-EXTERNAL-SERVICES', shared.external],
        ['KUBE-FORWARD', forward(context)],
        ['KUBE-FIREWALL', [`${comment(dropping)} -m mark --mark ${dropMark} -j DROP`]],
      ]);
      return {
        mangle: { chains: new Map(), hooks: [] },
        filter: { chains: filter, hooks: filterHooks },
        nat: { chains: nat, hooks: natHooks },
      };
    },
  };
}

/** The kubelet's bit 15; it wrote KUBE-MARK-DROP and KUBE-FIREWALL. */
const dropMark = '0x8000/0x8000';
const dropping = 'kubernetes firewall for dropping marked packets';
const masquerading = 'kubernetes service traffic requiring SNAT';
const portals = 'kubernetes service portals';

const filterHooks = [
  hook('INPUT', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', newOnly),
  hook('INPUT', 'KUBE-FIREWALL', ''),
  hook('FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  hook('OUTPUT', 'KUBE-SERVICES', portals, newOnly),
  hook('OUTPUT', 'KUBE-FIREWALL', ''),
];
const natHooks = [
  hook('PREROUTING', 'KUBE-SERVICES', portals),
  hook('OUTPUT', 'KUBE-SERVICES', portals),
  hook('POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
];

const marked = ({ mark }: RuleContext) => `-m mark --mark ${mark}/${mark}`;

function forward(context: RuleContext): string[] {
  const { detector } = context;
  const rules = [`${comment('kubernetes forwarding rules')} ${marked(context)} -j ACCEPT`];
  const answers = '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
  // Only a CIDR tells what goes to a pod; the other ways to tell pods came later.
  if (detector?.match.startsWith('-s '))
    rules.push(
      `${detector.match} ${comment('kubernetes forwarding conntrack pod source rule')} ${answers}`,
      `${comment('kubernetes forwarding conntrack pod destination rule')} ${detector.match.replace('-s', '-d')} ${answers}`,
    );
  return rules;
}

function nodePortJumps({ nodePorts }: RuleContext): string[] {
  const last = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  const where = nodePorts.all
    ? ['-m addrtype --dst-type LOCAL']
    : nodePorts.addresses.map((ip) => `-d ${ip}`);
  return where.map((match) => `${last} ${match} -j KUBE-NODEPORTS`);
}

/** Everything about one port while its rules are written. */
interface Plan {
  readonly port: ServicePort;
  readonly context: RuleContext;
  readonly endpoints: readonly Endpoint[];
  readonly service: string;
  readonly balancer: string;
  readonly firewall: string;
  /** The chain for what comes from outside: `balancer` where only local endpoints may answer. */
  readonly outside: string;
  /** Before a rule that leads to endpoints, blank included. */
  readonly about: string;
}

function planOf({ port: today, endpoints }: Row, context: RuleContext, comments: boolean): Plan {
  const port = { ...today, name: `${today.service}:${today.portName}` };
  const { cluster: service, firewall } = serviceChains(port);
  const balancer = service.replace('SVC', 'XLB');
  return {
    port,
    context,
    endpoints: endpoints.filter(({ ready }) => ready),
    service,
    balancer,
    firewall,
    outside: port.externalPolicyLocal ? balancer : service,
    about: comments ? `${comment(port.name)} ` : '',
  };
}

function rulesOf(plan: Plan): ServiceRules {
  const { port, endpoints } = plan;
  const none = { services: [], external: [], nodePorts: [], firewall: [] };
  if (endpoints.length === 0) {
    const chains = new Map(port.externalPolicyLocal ? [[plan.balancer, balancerChain(plan)]] : []);
    return { chains, nat: { services: [], nodePorts: [] }, filter: { ...none, ...refusals(plan) } };
  }
  const chains = new Map<string, readonly string[]>([[plan.service, serviceChain(plan)]]);
  if (port.externalPolicyLocal && externallyAccessible(port)) chains.set(plan.balancer, balancerChain(plan));
  if (port.loadBalancerVIPs.length > 0) chains.set(plan.firewall, firewallChain(plan));
  for (const endpoint of endpoints)
    chains.set(endpointChain(port, endpoint.text), endpointRules(plan, endpoint));
  return { chains, nat: { services: portalLines(plan), nodePorts: nodePortLines(plan) }, filter: none };
}

function refusals({ port }: Plan): { services: string[]; external: string[] } {
  const why = comment(`${port.name} has no endpoints`);
  const external = port.externalIPs.map((ip) => `${why} ${matchTo(port, ip)} -j REJECT`);
  if (port.nodePort)
    external.push(
      `${why} -m addrtype --dst-type LOCAL ${matchProtocol(port)} --dport ${port.nodePort} -j REJECT`,
    );
  return { services: [`${why} ${matchTo(port, port.clusterIP)} -j REJECT`], external };
}

/** The lines of KUBE-SERVICES. */
function portalLines({ port, service, firewall, context: { masqueradeAll, detector } }: Plan): string[] {
  const clusterIP = `${comment(`${port.name} cluster IP`)} ${matchTo(port, port.clusterIP)}`;
  const lines: string[] = [];
  if (masqueradeAll) lines.push(`${clusterIP} -j KUBE-MARK-MASQ`);
  else if (detector) lines.push(`${clusterIP} ${detector.negated} -j KUBE-MARK-MASQ`);
  lines.push(`${clusterIP} -j ${service}`);
  for (const ip of port.externalIPs) {
    const start = `${comment(`${port.name} external IP`)} ${matchTo(port, ip)}`;
    lines.push(
      `${start} -j KUBE-MARK-MASQ`,
      // From another machine: neither by a bridge, as pods come, nor from the node itself.
      `${start} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ${service}`,
      `${start} -m addrtype --dst-type LOCAL -j ${service}`,
    );
  }
  for (const ip of port.loadBalancerVIPs)
    lines.push(`${comment(`${port.name} loadbalancer IP`)} ${matchTo(port, ip)} -j ${firewall}`);
  return lines;
}

function nodePortLines({ port, outside, context: { family } }: Plan): string[] {
  if (!port.nodePort) return [];
  const start = `${comment(port.name)} ${matchProtocol(port)} --dport ${port.nodePort}`;
  const loopback = family === 'IPv4' ? '127.0.0.0/8' : '::1/128';
  const from = port.externalPolicyLocal ? ` -s ${loopback}` : '';
  return [`${start}${from} -j KUBE-MARK-MASQ`, `${start} -j ${outside}`];
}

/** What reaches the end of the chain was let in by no range. */
function firewallChain({ port, outside, context }: Plan): string[] {
  const start = comment(`${port.name} loadbalancer IP`);
  const ranges = port.loadBalancerSourceRanges;
  return port.loadBalancerVIPs.flatMap((ip) => [
    ...(port.externalPolicyLocal ? [] : [`${start} -j KUBE-MARK-MASQ`]),
    ...(ranges.length === 0 ? [`${start} -j ${outside}`] : []),
    ...ranges.map(({ text }) => `${start} -s ${text} -j ${outside}`),
    ...(ranges.length > 0 && context.inRanges(ranges) ? [`${start} -s ${ip} -j ${outside}`] : []),
    `${start} -j KUBE-MARK-DROP`,
  ]);
}

function serviceChain({ port, endpoints, about }: Plan): string[] {
  return [
    ...affinity(port, endpoints, about),
    ...endpoints.map(
      (endpoint, i) => `${about}${draw(endpoints.length - i)}-j ${endpointChain(port, endpoint.text)}`,
    ),
  ];
}

/** KUBE-XLB-: pods go to the Service instead, others to the endpoints of this node. */
function balancerChain({ port, endpoints, service, context: { detector } }: Plan): string[] {
  if (endpoints.length === 0) return [];
  const redirect = 'Redirect pods trying to reach external loadbalancer VIP to clusterIP';
  const rules = detector ? [`${comment(redirect)} ${detector.match} -j ${service}`] : [];
  const local = endpoints.filter(({ isLocal }) => isLocal);
  if (local.length === 0)
    return [...rules, `${comment(`${port.name} has no local endpoints`)} -j KUBE-MARK-DROP`];
  return [
    ...rules,
    ...affinity(port, local, `${comment(port.name)} `),
    ...local.map(
      (endpoint, i) =>
        `${comment(`Balancing rule ${i} for ${port.name}`)} ${draw(local.length - i)}-j ${endpointChain(port, endpoint.text)}`,
    ),
  ];
}

function affinity(port: ServicePort, endpoints: readonly Endpoint[], about: string): string[] {
  if (!port.affinitySeconds) return [];
  return endpoints.map((endpoint) => {
    const chain = endpointChain(port, endpoint.text);
    return `${about}-m recent --name ${chain} --rcheck --seconds ${port.affinitySeconds} --reap -j ${chain}`;
  });
}

/** Among so many that are left, this one; five digits, which the kernel shows as 0.33332999982. */
const draw = (left: number) =>
  left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(5)} ` : '';

function endpointRules({ port, about }: Plan, { ip, text }: Endpoint): string[] {
  const remember = port.affinitySeconds ? `-m recent --name ${endpointChain(port, text)} --set ` : '';
  return [
    `${about}-s ${ip} -j KUBE-MARK-MASQ`,
    `${about}${remember}${matchProtocol(port)} -j DNAT --to-destination ${text}`,
  ];
}
