import type { RuleContext } from './context.ts';
import type { Fragment } from './plan.ts';
import type { Chain, Element, Hook, NftSet } from './table.ts';

const hook = (type: Hook['type'], name: string, priority: number): Hook => ({ type, hook: name, priority });
const [dnat, filter, srcnat] = [-100, 0, 100];
const onlyNew = 'ct state new';

/**
 * What stands in the table whatever Services there are, in both layouts: hooks, refusals, masquerading.
 * Upstream: `setupNFTables` in `pkg/proxy/nftables/proxier.go`, with the hooks of release 1.33's later patches.
 */
export function baseFragment(context: RuleContext): Fragment {
  return { sets: baseSets(context), chains: baseChains(context), elements: nodePortElements(context) };
}

function baseSets({ address, nodePorts }: RuleContext): [string, NftSet][] {
  const toVerdict = (type: string, comment: string): NftSet => ({ type: `${type} : verdict`, comment });
  const service = `${address} . inet_proto . inet_service`;
  const port = 'inet_proto . inet_service';
  return [
    ['cluster-ips', { type: address, comment: 'Active ClusterIPs' }],
    ...(nodePorts.all
      ? []
      : [
          ['nodeport-ips', { type: address, comment: 'IPs that accept NodePort traffic' }] satisfies [
            string,
            NftSet,
          ],
        ]),
    ['firewall-ips', toVerdict(service, 'destinations that are subject to LoadBalancerSourceRanges')],
    [
      'no-endpoint-nodeports',
      toVerdict(port, 'vmap to drop or reject packets to service nodeports with no endpoints'),
    ],
    [
      'no-endpoint-services',
      toVerdict(service, 'vmap to drop or reject packets to services with no endpoints'),
    ],
    ['service-ips', toVerdict(service, 'ClusterIP, ExternalIP and LoadBalancer IP traffic')],
    ['service-nodeports', toVerdict(port, 'NodePort traffic')],
  ];
}

function baseChains(context: RuleContext): [string, Chain][] {
  const { ip, mark, serviceCIDRs } = context;
  const destination = `${ip} daddr . meta l4proto . th dport`;
  const base = (own: Hook, ...rules: string[]): Chain => ({ hook: own, rules });
  const plain = (...rules: string[]): Chain => ({ rules });
  const unallocated =
    serviceCIDRs.length > 0
      ? [`${ip} daddr { ${serviceCIDRs.join(',')} } drop comment "Drop traffic to unallocated ClusterIPs"`]
      : [];
  return [
    // Source ranges are told by the address a client used, so before it is translated.
    [
      'filter-prerouting-pre-dnat',
      base(hook('filter', 'prerouting', dnat - 10), `${onlyNew} jump firewall-check`),
    ],
    ['filter-output-pre-dnat', base(hook('filter', 'output', dnat - 10), `${onlyNew} jump firewall-check`)],
    // What still has the address of a Service here was not translated.
    [
      'filter-input',
      base(
        hook('filter', 'input', filter),
        `${onlyNew} jump nodeport-endpoints-check`,
        `${onlyNew} jump service-endpoints-check`,
      ),
    ],
    [
      'filter-forward',
      base(
        hook('filter', 'forward', filter),
        `${onlyNew} jump service-endpoints-check`,
        `${onlyNew} jump cluster-ips-check`,
      ),
    ],
    [
      'filter-output',
      base(
        hook('filter', 'output', filter),
        `${onlyNew} jump service-endpoints-check`,
        `${onlyNew} jump cluster-ips-check`,
      ),
    ],
    ['nat-prerouting', base(hook('nat', 'prerouting', dnat), 'jump services')],
    ['nat-output', base(hook('nat', 'output', dnat), 'jump services')],
    ['nat-postrouting', base(hook('nat', 'postrouting', srcnat), 'jump masquerading')],
    ['nodeport-endpoints-check', plain(`${toNodePort(context)} vmap @no-endpoint-nodeports`)],
    ['service-endpoints-check', plain(`${destination} vmap @no-endpoint-services`)],
    ['firewall-check', plain(`${destination} vmap @firewall-ips`)],
    [
      'services',
      plain(
        `${destination} vmap @service-ips`,
        `${context.nodePorts.all ? 'fib daddr type local ' : ''}${toNodePort(context)} vmap @service-nodeports`,
      ),
    ],
    [
      'masquerading',
      // Cleared again, or a packet that passes the stack twice would be masqueraded twice.
      plain(`mark and ${mark} == 0 return`, `mark set mark xor ${mark}`, 'masquerade fully-random'),
    ],
    [
      'cluster-ips-check',
      plain(
        `${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`,
        ...unallocated,
      ),
    ],
    ['mark-for-masquerade', plain(`mark set mark or ${mark}`)],
    [
      'reject-chain',
      { comment: 'helper for @no-endpoint-services / @no-endpoint-nodeports', rules: ['reject'] },
    ],
  ];
}

/** `ip daddr @nodeport-ips meta l4proto . th dport`; loopback addresses never have node ports in this mode. */
export function toNodePort({ ip, nodePorts }: RuleContext): string {
  const noLoopback = ip === 'ip' ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1';
  return `${nodePorts.all ? noLoopback : `${ip} daddr @nodeport-ips`} meta l4proto . th dport`;
}

function nodePortElements({ nodePorts }: RuleContext): Element[] {
  return nodePorts.addresses
    .filter((address) => !address.startsWith('127.') && address !== '::1')
    .map((key) => ({ set: 'nodeport-ips', key }));
}
