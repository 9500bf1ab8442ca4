import { formatAddress } from '../../api/address.ts';
import { toNodePort } from './base.ts';
import type { RuleContext } from './context.ts';
import type { Fragment, Plan } from './plan.ts';
import type { Chain, NftSet } from './table.ts';

/** What a chain that picks an endpoint depends on, besides protocol and affinity. */
export interface PickChain {
  /**
   * Who comes: to a ClusterIP; from outside to all endpoints; from outside to those of this node; pods and
   * the node itself to an address whose policy is Local.
   */
  readonly kind: 'cluster-ip' | 'external' | 'local' | 'inside';
  /** The map of endpoints, by address, port and number, or by node port and number. */
  readonly picks: string;
  readonly count: number;
}

const protocols = ['tcp', 'udp', 'sctp'] as const;
const markMasquerade = 'jump mark-for-masquerade';
/** Clients that one map remembers; the kernel's own limit of 65,535 is low for all Services together. */
const affinitySize = 1_048_576;

/** `tcp-cluster-ip-3`: picks one of three. */
export function pickChain(
  { port, protocol }: Plan,
  { kind, picks, count }: PickChain,
  context: RuleContext,
): { name: string; chain: Chain } {
  const { ip } = context;
  const sticky = port.affinitySeconds > 0;
  const byPort = picks.endsWith('nodeport-endpoints');
  const name = [protocol, kind, ...(byPort ? ['nodeport'] : []), count, ...(sticky ? ['affinity'] : [])];
  const key = byPort ? `${protocol} dport` : `${ip} daddr . ${protocol} dport`;
  const to = `meta l4proto ${protocol} dnat to`;
  const rules = [...masqueradeRule(kind, context)];
  if (sticky && ip === 'ip')
    rules.push(`${to} ${ip} saddr . ${ip} daddr . ${protocol} dport map @${protocol}-affinity`);
  const draw = sticky && ip === 'ip6' ? `jhash ${ip} saddr mod ${count}` : `numgen random mod ${count}`;
  rules.push(`${to} ${key} . ${draw} map @${picks}`);
  return { name: name.join('-'), chain: { rules } };
}

function masqueradeRule(kind: PickChain['kind'], { masqueradeAll, detector }: RuleContext): string[] {
  const unlessPod = detector ? [`${detector.notLocal} ${markMasquerade}`] : [];
  if (kind === 'external') return [markMasquerade];
  // Who is inside and no pod is the node itself.
  if (kind === 'inside') return detector ? unlessPod : [markMasquerade];
  if (kind === 'cluster-ip') return masqueradeAll ? [markMasquerade] : unlessPod;
  return [];
}

/** `tcp-learn-10800`: remembers for three hours where a client was sent. */
export function learnChain({ port, protocol }: Plan, { ip }: RuleContext): { name: string; chain: Chain } {
  const client = `${ip} saddr . ct original ${ip} daddr . ct original proto-dst`;
  const rule = `meta l4proto ${protocol} update @${protocol}-affinity { ${client} timeout ${port.affinitySeconds}s : ${ip} daddr . ${protocol} dport }`;
  return { name: `${protocol}-learn-${port.affinitySeconds}`, chain: { rules: [rule] } };
}

/** `sources-24-32`: lets in whom a range of 24 or of 32 bits lets in. */
export function sourcesChain(
  lengths: readonly number[],
  { family, ip }: RuleContext,
): { name: string; chain: Chain } {
  const width = family === 'IPv4' ? 32 : 128;
  const rules = lengths.map((bits) => {
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(width - bits);
    const source = bits === width ? `${ip} saddr` : `(${ip} saddr and ${formatAddress(family, mask)})`;
    return `${ip} daddr . meta l4proto . th dport . ${source} @source-ranges-${bits} return`;
  });
  return { name: `sources-${lengths.join('-')}`, chain: { rules: [...rules, 'drop'] } };
}

/** What layout `flat` has besides, or instead of, what stands in the table in both layouts. */
export function flatBase(base: Fragment, context: RuleContext): Fragment {
  const chains = new Map(base.chains);
  const extend = (name: string, change: (rules: readonly string[]) => string[]) => {
    const chain = chains.get(name);
    if (chain) chains.set(name, { ...chain, rules: change(chain.rules) });
  };
  extend('services', (rules) => [...insideRules(context), ...rules]);
  extend('nat-postrouting', (rules) => [hairpinRule(context), ...rules]);
  if (context.ip === 'ip') {
    for (const hook of ['filter-input', 'filter-forward', 'filter-output'])
      extend(hook, (rules) => [...rules, 'ct state new jump learn-affinity']);
    chains.set('learn-affinity', { rules: learnRules });
  }
  return { chains: [...chains], sets: [...base.sets, ...flatSets(context)], elements: base.elements };
}

/** Pods and the node itself behave as if they had gone out to a load balancer and come back. */
function insideRules(context: RuleContext): string[] {
  const { ip, detector } = context;
  const inside = [...(detector ? [detector.local] : []), 'fib saddr type local'];
  const local = context.nodePorts.all ? 'fib daddr type local ' : '';
  return [
    ...inside.map((who) => `${who} ${ip} daddr . meta l4proto . th dport vmap @inside-ips`),
    ...inside.map((who) => `${who} ${local}${toNodePort(context)} vmap @inside-nodeports`),
  ];
}

/** A client that is its own server must not see its own address. */
const hairpinRule = ({ ip }: RuleContext) =>
  `ct status dnat ${ip} saddr . ${ip} daddr @hairpin-endpoints ${markMasquerade}`;

const translated = 'ct status dnat meta l4proto { tcp, udp, sctp }';
const learnRules = [
  `${translated} ct original ip daddr . meta l4proto . ct original proto-dst vmap @affinity-ips`,
  `${translated} meta l4proto . ct original proto-dst vmap @affinity-nodeports`,
];

function flatSets({ ip, address }: RuleContext): [string, NftSet][] {
  const service = `${address} . inet_proto . inet_service`;
  const port = 'inet_proto . inet_service';
  const verdicts = (name: string, type: string): [string, NftSet] => [name, { type: `${type} : verdict` }];
  return [
    ['hairpin-endpoints', { type: `${address} . ${address}` }],
    verdicts('inside-ips', service),
    verdicts('inside-nodeports', port),
    ...(ip === 'ip' ? [verdicts('affinity-ips', service), verdicts('affinity-nodeports', port)] : []),
    ...protocols.flatMap((protocol): [string, NftSet][] => {
      const to = `${ip} daddr . ${protocol} dport`;
      // An element's number has no type of its own in nft.
      const numbered = (name: string, key: string, type: string): [string, NftSet] => [
        `${protocol}-${name}`,
        {
          type: `${type} . integer : ${address} . inet_service`,
          typeof: `${key} . numgen random mod 65536 : ${to}`,
        },
      ];
      const endpoints = (name: string) => numbered(name, to, `${address} . inet_service`);
      const nodePort = (name: string) => numbered(name, `${protocol} dport`, 'inet_service');
      return [
        endpoints('endpoints'),
        endpoints('inside-endpoints'),
        nodePort('nodeport-endpoints'),
        nodePort('inside-nodeport-endpoints'),
        ...(ip === 'ip' ? [[`${protocol}-affinity`, affinityMap(address)] satisfies [string, NftSet]] : []),
      ];
    }),
  ];
}

const affinityMap = (address: string): NftSet => ({
  type: `${address} . ${address} . inet_service : ${address} . inet_service`,
  flags: ['dynamic', 'timeout'],
  size: affinitySize,
  learned: true,
});
