import type { Pod } from '../../api/types.ts';

export interface DnsSettings {
  /** Addresses of the cluster's DNS Service; empty when it has none. */
  clusterDns: readonly string[];
  clusterDomain: string;
  /** Text of the node's own resolv.conf. */
  nodeResolvConf: string;
}

interface Resolver {
  nameservers: string[];
  searches: string[];
  options: string[];
}

/** What resolvers take at most; more of it is left out, and an Event says so. */
const mostNameservers = 3;
const mostSearches = 32;
const longestSearch = 2048;
/** Of one of them; a longer one ends programs with glibc 2.28. */
const longestName = 253;

/** What a pod is told of its resolv.conf, in kubelet's words: an Event's reason and message. */
export interface ResolvConfWarning {
  reason: 'DNSConfigForming' | 'MissingClusterDNS';
  message: string;
}

/** What had to be left out of a pod's resolv.conf, or is not there to be asked. */
export function resolvConfWarnings(pod: Pod, settings: DnsSettings): ResolvConfWarning[] {
  const { nameservers, searches } = wanted(pod, settings);
  const kept = fitting(searches);
  const { name, namespace, uid } = pod.metadata ?? {};
  const missing = wantsCluster(pod) && settings.clusterDns.length === 0;
  return [
    ...(missing
      ? [
          warning(
            'MissingClusterDNS',
            `pod: "${name}_${namespace}(${uid})". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`,
          ),
        ]
      : []),
    ...(nameservers.length > mostNameservers
      ? [
          warning(
            'DNSConfigForming',
            `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.slice(0, mostNameservers).join(' ')}`,
          ),
        ]
      : []),
    ...(searches.length > kept.length
      ? [
          warning(
            'DNSConfigForming',
            `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
          ),
        ]
      : []),
  ];
}

const warning = (reason: ResolvConfWarning['reason'], message: string) => ({ reason, message });

/**
 * A pod's `/etc/resolv.conf` by its dnsPolicy and dnsConfig. Upstream: kubelet
 * `pkg/kubelet/network/dns/dns.go`.
 */
export function resolvConf(pod: Pod, settings: DnsSettings): string {
  const all = wanted(pod, settings);
  const nameservers = all.nameservers.slice(0, mostNameservers);
  const searches = fitting(all.searches);
  const { options } = all;
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** As many as the resolver takes. */
function fitting(searches: readonly string[]): string[] {
  const kept = searches.slice(0, mostSearches).filter((name) => name.length <= longestName);
  while (kept.join(' ').length > longestSearch) kept.pop();
  return kept;
}

function wanted(pod: Pod, settings: DnsSettings): Resolver {
  const { dnsConfig } = pod.spec ?? {};
  const base = baseResolver(pod, settings);
  const own = (dnsConfig?.options ?? []).map(({ name = '', value }) => (value ? `${name}:${value}` : name));
  const named = new Set(own.map(optionName));
  const options = [...base.options.filter((option) => !named.has(optionName(option))), ...own];
  return {
    nameservers: unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(dnsConfig?.searches ?? [])]),
    options,
  };
}

function baseResolver(pod: Pod, settings: DnsSettings): Resolver {
  const { dnsPolicy } = pod.spec ?? {};
  const node = parseResolvConf(settings.nodeResolvConf);
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] };
  if (!wantsCluster(pod) || settings.clusterDns.length === 0) return node;
  const { clusterDomain } = settings;
  const namespace = pod.metadata?.namespace ?? 'default';
  return {
    nameservers: [...settings.clusterDns],
    searches: unique([
      `${namespace}.svc.${clusterDomain}`,
      `svc.${clusterDomain}`,
      clusterDomain,
      ...node.searches,
    ]),
    options: ['ndots:5'],
  };
}

function wantsCluster({ spec }: Pod): boolean {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = spec ?? {};
  return dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
}

function parseResolvConf(text: string): Resolver {
  const resolver: Resolver = { nameservers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver') resolver.nameservers.push(...values.slice(0, 1));
    if (keyword === 'search' || keyword === 'domain')
      resolver.searches = values.filter((name) => name !== '.').map((name) => name.replace(/\.$/, ''));
    if (keyword === 'options') resolver.options = values;
  }
  return resolver;
}

const optionName = (option: string) => option.split(':')[0] ?? option;

const unique = (values: readonly string[]) => [...new Set(values)];
