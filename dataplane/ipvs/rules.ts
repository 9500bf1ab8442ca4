import { hook } from '../iptables/overall.ts';
import type { Hook, RuleSet, Table } from '../iptables/rules.ts';
import { comment } from '../iptables/service.ts';
import type { IpvsContext } from './context.ts';
import { type SetId, setDefinitions, setName } from './sets.ts';

/**
 * The rules around IPVS: they masquerade, filter and let through by looking into the sets, and so are the
 * same for any number of Services. Upstream: `writeIptablesRules` in `pkg/proxy/ipvs/proxier.go`.
 *
 * @param filled whether a set has entries: most rules are left out for an empty one
 * @param blocked rules of KUBE-IPVS-OUT-FILTER, as after `-A CHAIN `
 */
export function ipvsRules(context: IpvsContext, filled: Filled, blocked: readonly string[]): RuleSet {
  const look = lookups(context, filled);
  return {
    family: context.family,
    mangle: { chains: new Map(), hooks: [] },
    filter: filterTable(context, look, blocked),
    nat: natTable(context, look),
  };
}

/** Whether a set has entries. */
export type Filled = (id: SetId) => boolean;

export interface Lookups {
  /** A rule that looks into a set; none where the set is empty. */
  when(id: SetId, direction: string, verdict: string, options?: { protocol?: string }): string[];
  /** `-m set --match-set …`, whether it has entries or not. */
  match(id: SetId, direction: string): string;
}

export function lookups({ family }: IpvsContext, filled: Filled): Lookups {
  const match = (id: SetId, direction: string) => `-m set --match-set ${setName(id, family)} ${direction}`;
  return {
    match,
    when(id, direction, verdict, { protocol } = {}) {
      if (!filled(id)) return [];
      const start = protocol ? `-p ${protocol} ` : '';
      return [`${start}${comment(setDefinitions[id].comment)} ${match(id, direction)} ${verdict}`];
    },
  };
}

const both = 'dst,dst';
export const jump = (chain: string) => `-j ${chain}`;
const toMasq = jump('KUBE-MARK-MASQ');

function natTable(context: IpvsContext, look: Lookups): Table {
  const { mark, family } = context;
  const nodePorts = (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => {
    const kind = protocol === 'SCTP' ? ('SCTP-HASH' as const) : protocol;
    const [direction, options] = [protocol === 'SCTP' ? both : 'dst', { protocol: protocol.toLowerCase() }];
    return [
      ...look.when(`KUBE-NODE-PORT-LOCAL-${kind}`, direction, jump('RETURN'), options),
      ...look.when(`KUBE-NODE-PORT-${kind}`, direction, toMasq, options),
    ];
  });
  return {
    hooks: natHooks,
    chains: new Map([
      [
        'KUBE-SERVICES',
        [
          `-s ${family === 'IPv4' ? '127.0.0.0/8' : '::1/128'} -j RETURN`,
          ...look.when('KUBE-LOAD-BALANCER', both, jump('KUBE-LOAD-BALANCER')),
          ...clusterIpRule(context, look),
          ...look.when('KUBE-EXTERNAL-IP', both, toMasq),
          ...externalIpRules('KUBE-EXTERNAL-IP', look),
          ...externalIpRules('KUBE-EXTERNAL-IP-LOCAL', look),
          '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
          // Whatever other rules say, what IPVS answers is let through.
          ...(['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const)
            .filter((id) => look.when(id, both, '').length > 0)
            .map((id) => `${look.match(id, both)} -j ACCEPT`),
        ],
      ],
      [
        'KUBE-POSTROUTING',
        [
          ...look.when('KUBE-LOOP-BACK', 'dst,dst,src', jump('MASQUERADE')),
          `-m mark ! --mark ${mark}/${mark} -j RETURN`,
          // Cleared again, or a packet that passes the stack twice would be masqueraded twice.
          `-j MARK --xor-mark ${mark}`,
          `${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
        ],
      ],
      ['KUBE-NODE-PORT', nodePorts],
      ['KUBE-LOAD-BALANCER', [...look.when('KUBE-LOAD-BALANCER-LOCAL', both, jump('RETURN')), toMasq]],
      ['KUBE-MARK-MASQ', [`-j MARK --or-mark ${mark}`]],
    ]),
  };
}

export function clusterIpRule({ masqueradeAll, detector }: IpvsContext, look: Lookups): string[] {
  if (masqueradeAll) return look.when('KUBE-CLUSTER-IP', both, toMasq);
  if (detector) return look.when('KUBE-CLUSTER-IP', both, `${detector.negated} ${toMasq}`);
  // The node itself reaches a Service's address from that very address, which no endpoint could answer.
  return look.when('KUBE-CLUSTER-IP', 'src,dst', toMasq);
}

/** What comes from other machines, and what is addressed to this one. */
export function externalIpRules(id: SetId, look: Lookups): string[] {
  const fromOutside = '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL';
  return [fromOutside, '-m addrtype --dst-type LOCAL'].flatMap((who) =>
    look.when(id, both, `${who} -j ACCEPT`),
  );
}

function filterTable({ mark }: IpvsContext, look: Lookups, blocked: readonly string[]): Table {
  const chains = new Map<string, readonly string[]>([
    [
      'KUBE-FORWARD',
      [
        `${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
        `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    ],
    [
      'KUBE-NODE-PORT',
      [
        `${comment(setDefinitions['KUBE-HEALTH-CHECK-NODE-PORT'].comment)} ${look.match('KUBE-HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT`,
      ],
    ],
    ['KUBE-PROXY-FIREWALL', look.when('KUBE-LOAD-BALANCER-FW', both, jump('KUBE-SOURCE-RANGES-FIREWALL'))],
    [
      'KUBE-SOURCE-RANGES-FIREWALL',
      [
        ...look.when('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src', jump('RETURN')),
        ...look.when('KUBE-LOAD-BALANCER-SOURCE-IP', 'dst,dst,src', jump('RETURN')),
        '-j DROP',
      ],
    ],
    ['KUBE-IPVS-OUT-FILTER', blocked],
  ]);
  const known: [SetId, string][] = [
    ['KUBE-LOAD-BALANCER', both],
    ['KUBE-CLUSTER-IP', both],
    ['KUBE-EXTERNAL-IP', both],
    ['KUBE-EXTERNAL-IP-LOCAL', both],
    ['KUBE-HEALTH-CHECK-NODE-PORT', 'dst'],
  ];
  chains.set('KUBE-IPVS-FILTER', [
    ...known.map(([id, direction]) => `${look.match(id, direction)} -j RETURN`),
    // Without this, everything that listens on the node would answer at each Service's address.
    `-m conntrack --ctstate NEW ${look.match('KUBE-IPVS-IPS', 'dst')} -j REJECT`,
  ]);
  return { chains, hooks: filterHooks };
}

const access = 'kubernetes ipvs access filter';
const portals = 'kubernetes service portals';
const firewall = 'kube-proxy firewall rules';

export const natHooks: readonly Hook[] = [
  hook('PREROUTING', 'KUBE-SERVICES', portals),
  hook('OUTPUT', 'KUBE-SERVICES', portals),
  hook('POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
];

const filterHooks: readonly Hook[] = [
  hook('INPUT', 'KUBE-IPVS-FILTER', access),
  hook('INPUT', 'KUBE-PROXY-FIREWALL', firewall),
  hook('INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'),
  hook('FORWARD', 'KUBE-PROXY-FIREWALL', firewall),
  hook('FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  hook('OUTPUT', 'KUBE-IPVS-OUT-FILTER', access),
];
