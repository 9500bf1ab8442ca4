import type { RuleContext } from './context.ts';
import { canaryChain, type Hook, type SharedLines, type Table } from './rules.ts';
import { comment } from './service.ts';

/** The chains that no Service has for itself, and the jumps into them, as kube-proxy 1.33 writes them. */
export function overallTables(
  shared: SharedLines,
  context: RuleContext,
): { readonly mangle: Table; readonly filter: Table; readonly nat: Table } {
  const filter = new Map<string, readonly string[]>([
    ['KUBE-SERVICES', shared.services],
    ['KUBE-EXTERNAL-SERVICES', shared.external],
    ['KUBE-FORWARD', forward(context)],
    ['KUBE-NODEPORTS', shared.nodePorts],
    ['KUBE-PROXY-FIREWALL', shared.firewall],
    ['KUBE-FIREWALL', antiMartian(context)],
    [canaryChain, []],
  ]);
  const nat = new Map<string, readonly string[]>([
    ['KUBE-SERVICES', [...shared.natServices, ...nodePortJumps(context)]],
    ['KUBE-NODEPORTS', shared.natNodePorts],
    ['KUBE-POSTROUTING', postrouting(context)],
    ['KUBE-MARK-MASQ', [`-j MARK --or-mark ${context.mark}`]],
    [canaryChain, []],
  ]);
  return {
    mangle: { chains: new Map([[canaryChain, []]]), hooks: [] },
    filter: { chains: filter, hooks: filterHooks },
    nat: { chains: nat, hooks: natHooks },
  };
}

export const newOnly = '-m conntrack --ctstate NEW ';
export const hook = (chain: string, target: string, text: string, match = ''): Hook => ({
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
