import type { Row } from '../model/model.ts';
import type { RuleContext } from './context.ts';
import { comment, type ServiceRules, serviceRules } from './service.ts';

export type TableName = 'mangle' | 'filter' | 'nat';

/** A rule in one of the kernel's own chains that leads into ours. */
export interface Hook {
  readonly chain: string;
  readonly rule: string;
}

/** Rules of one table: our chains, whole, and the jumps into them. A rule is what stands after `-A CHAIN `. */
export interface Table {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** In the order they have in their chain. */
  readonly hooks: readonly Hook[];
}

/** All that a proxy in iptables mode wants in the kernel, for one address family. */
export type RuleSet = { readonly [name in TableName]: Table };

/** Remembers the rules of a row for as long as the row and the context stay the same objects. */
export type RuleCache = WeakMap<Row, ServiceRules>;

/** The chain whose absence tells that somebody flushed the tables. */
export const canaryChain = 'KUBE-PROXY-CANARY';

const newOnly = '-m conntrack --ctstate NEW ';
const hook = (chain: string, target: string, text: string, match = ''): Hook => ({
  chain,
  rule: `${match}${text ? `${comment(text)} ` : ''}-j ${target}`,
});
const external = 'kubernetes externally-visible service portals';
const firewall = 'kubernetes load balancer firewall';
const portals = 'kubernetes service portals';

const filterHooks: readonly Hook[] = [
  hook('INPUT', 'KUBE-FIREWALL', ''),
  hook('INPUT', 'KUBE-PROXY-FIREWALL', firewall, newOnly),
  hook('INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports'),
  hook('INPUT', 'KUBE-EXTERNAL-SERVICES', external, newOnly),
  hook('FORWARD', 'KUBE-PROXY-FIREWALL', firewall, newOnly),
  hook('FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  hook('FORWARD', 'KUBE-SERVICES', portals, newOnly),
  hook('FORWARD', 'KUBE-EXTERNAL-SERVICES', external, newOnly),
  hook('OUTPUT', 'KUBE-FIREWALL', ''),
  hook('OUTPUT', 'KUBE-PROXY-FIREWALL', firewall, newOnly),
  hook('OUTPUT', 'KUBE-SERVICES', portals, newOnly),
];

const natHooks: readonly Hook[] = [
  hook('PREROUTING', 'KUBE-SERVICES', portals),
  hook('OUTPUT', 'KUBE-SERVICES', portals),
  hook('POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
];

/**
 * The rules of a node for these rows, as kube-proxy 1.33 writes them. Pure: the same rows and context
 * give the same rules. Upstream: `syncProxyRules` in `pkg/proxy/iptables/proxier.go`.
 */
export function buildRules(
  rows: Iterable<Row>,
  context: RuleContext,
  cache: RuleCache = new WeakMap(),
): RuleSet {
  const nat = new Map<string, readonly string[]>();
  const shared = {
    natServices: [] as string[],
    natNodePorts: [] as string[],
    services: [] as string[],
    external: [] as string[],
    nodePorts: [] as string[],
    firewall: [] as string[],
  };
  const own: ReadonlyMap<string, readonly string[]>[] = [];
  for (const row of rows) {
    const rules = cache.get(row) ?? serviceRules(row, context);
    cache.set(row, rules);
    shared.natServices.push(...rules.nat.services);
    shared.natNodePorts.push(...rules.nat.nodePorts);
    shared.services.push(...rules.filter.services);
    shared.external.push(...rules.filter.external);
    shared.nodePorts.push(...rules.filter.nodePorts);
    shared.firewall.push(...rules.filter.firewall);
    own.push(rules.chains);
  }
  nat.set('KUBE-SERVICES', [...shared.natServices, ...nodePortJumps(context)]);
  nat.set('KUBE-NODEPORTS', shared.natNodePorts);
  nat.set('KUBE-POSTROUTING', postrouting(context));
  nat.set('KUBE-MARK-MASQ', [`-j MARK --or-mark ${context.mark}`]);
  nat.set(canaryChain, []);
  for (const chains of own) for (const [name, rules] of chains) nat.set(name, rules);

  const filter = new Map<string, readonly string[]>([
    ['KUBE-SERVICES', shared.services],
    ['KUBE-EXTERNAL-SERVICES', shared.external],
    ['KUBE-FORWARD', forward(context)],
    ['KUBE-NODEPORTS', shared.nodePorts],
    ['KUBE-PROXY-FIREWALL', shared.firewall],
    ['KUBE-FIREWALL', antiMartian(context)],
    [canaryChain, []],
  ]);
  return {
    mangle: { chains: new Map([[canaryChain, []]]), hooks: [] },
    filter: { chains: filter, hooks: filterHooks },
    nat: { chains: nat, hooks: natHooks },
  };
}

function postrouting({ mark }: RuleContext): string[] {
  return [
    `-m mark ! --mark ${mark}/${mark} -j RETURN`,
    // Cleared again, or a packet that passes the stack twice would be masqueraded twice.
    `-j MARK --xor-mark ${mark}`,
    `${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
  ];
}

function nodePortJumps({ family, nodePorts, localhostNodePorts }: RuleContext): string[] {
  const last = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  if (nodePorts.all) {
    const loopback = family === 'IPv6' ? ' ! -d ::1/128' : localhostNodePorts ? '' : ' ! -d 127.0.0.0/8';
    return [`${last} -m addrtype --dst-type LOCAL${loopback} -j KUBE-NODEPORTS`];
  }
  return nodePorts.addresses
    .filter((ip) => ip !== '::1' && (localhostNodePorts || !ip.startsWith('127.')))
    .map((ip) => `${last} -d ${ip} -j KUBE-NODEPORTS`);
}

function forward({ mark, dropInvalid, counters }: RuleContext): string[] {
  const count = counters ? ' -m nfacct --nfacct-name ct_state_invalid_dropped_pkts' : '';
  return [
    // A packet that conntrack cannot place would not be translated back, and reset the connection.
    ...(dropInvalid ? [`-m conntrack --ctstate INVALID${count} -j DROP`] : []),
    `${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
    `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

/** route_localnet lets martians in; this keeps them out (CVE-2020-8558). The kubelet writes the same rule. */
function antiMartian({ family, localhostNodePorts }: RuleContext): string[] {
  if (family === 'IPv6' || !localhostNodePorts) return [];
  return [
    `${comment('block incoming localnet connections')} -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`,
  ];
}

const baseChains: { readonly [name in TableName]: readonly string[] } = {
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
};

/** The whole rule set in the form of `iptables-save`, which `iptables-restore` takes. */
export function ruleSetText(rules: RuleSet, tables: readonly TableName[] = ['filter', 'nat']): string {
  const lines: string[] = [];
  for (const name of tables) {
    const { chains, hooks } = rules[name];
    lines.push(`*${name}`);
    for (const chain of baseChains[name]) lines.push(`:${chain} ACCEPT [0:0]`);
    for (const chain of chains.keys()) lines.push(`:${chain} - [0:0]`);
    for (const { chain, rule } of hooks) lines.push(`-A ${chain} ${rule}`);
    for (const [chain, own] of chains) for (const rule of own) lines.push(`-A ${chain} ${rule}`);
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}
