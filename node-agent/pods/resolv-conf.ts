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

/**
 * A pod's `/etc/resolv.conf` by its dnsPolicy and dnsConfig. Upstream: kubelet
 * `pkg/kubelet/network/dns/dns.go`.
 */
export function resolvConf(pod: Pod, settings: DnsSettings): string {
  const { dnsConfig } = pod.spec ?? {};
  const base = baseResolver(pod, settings);
  const nameservers = unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])]).slice(0, 3);
  const searches = unique([...base.searches, ...(dnsConfig?.searches ?? [])]).slice(0, 32);
  const own = (dnsConfig?.options ?? []).map(({ name = '', value }) => (value ? `${name}:${value}` : name));
  const named = new Set(own.map(optionName));
  const options = [...base.options.filter((option) => !named.has(optionName(option))), ...own];
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function baseResolver(pod: Pod, settings: DnsSettings): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec ?? {};
  const node = parseResolvConf(settings.nodeResolvConf);
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] };
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (!cluster || settings.clusterDns.length === 0) return node;
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

function parseResolvConf(text: string): Resolver {
  const resolver: Resolver = { nameservers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver') resolver.nameservers.push(...values.slice(0, 1));
    if (keyword === 'search' || keyword === 'domain')
      resolver.searches = values.filter((name) => name !== '.');
    if (keyword === 'options') resolver.options = values;
  }
  return resolver;
}

const optionName = (option: string) => option.split(':')[0] ?? option;

const unique = (values: readonly string[]) => [...new Set(values)];
