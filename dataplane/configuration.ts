import { familyOf, joinHostPort } from '../api/address.ts';
import { ConfigurationError, milliseconds, readFields, type Shape, schema } from './configurationfields.ts';
import { configurationErrors } from './configurationvalidation.ts';
import type { DetectLocal } from './model/detector.ts';

export { ConfigurationError, isDuration } from './configurationfields.ts';

/** Proxy modes of Linux. */
export type ProxyMode = 'iptables' | 'ipvs' | 'nftables';

/** kube-proxy's chains for each Service, or maps that all Services share. */
export const nftablesLayouts = ['upstream', 'flat'] as const;
export type NftablesLayout = (typeof nftablesLayouts)[number];

/** What a KubeProxyConfiguration says, with upstream's defaults filled in. Durations are milliseconds. */
export interface ProxyConfiguration {
  readonly mode: ProxyMode;
  readonly hostnameOverride: string;
  /** The node's primary IP; unspecified or empty: what its Node object says. Nothing listens on it. */
  readonly bindAddress: string;
  /** `ip:port`, as for metrics. */
  readonly healthzBindAddress: string;
  readonly metricsBindAddress: string;
  readonly detectLocal: DetectLocal;
  readonly nodePortAddresses: readonly string[];
  /** Gates of upstream's that change what a proxy does; other names are taken and mean nothing here. */
  readonly featureGates: {
    /** PreferSameTrafficDistribution (alpha in 1.33, so false): whether topology hints by node count. */
    readonly preferSameNode: boolean;
  };
  readonly iptables: {
    readonly masqueradeBit: number;
    readonly masqueradeAll: boolean;
    readonly localhostNodePorts: boolean;
    readonly syncPeriod: number;
    readonly minSyncPeriod: number;
  };
  readonly ipvs: {
    readonly scheduler: string;
    readonly strictARP: boolean;
    readonly excludeCIDRs: readonly string[];
    /** 0 leaves the kernel's own, here and below. */
    readonly tcpTimeout: number;
    readonly tcpFinTimeout: number;
    readonly udpTimeout: number;
    readonly syncPeriod: number;
    readonly minSyncPeriod: number;
  };
  readonly nftables: {
    /** Not a field of upstream's: how the table is laid out. */
    readonly layout: NftablesLayout;
    readonly masqueradeBit: number;
    readonly masqueradeAll: boolean;
    readonly syncPeriod: number;
    readonly minSyncPeriod: number;
  };
  readonly conntrack: {
    /** Connections to track for each core; 0 leaves the kernel's own limit. */
    readonly maxPerCore: number;
    /** Connections to track at least, unless `maxPerCore` is 0. */
    readonly min: number;
    readonly tcpBeLiberal: boolean;
    readonly tcpEstablishedTimeout: number;
    readonly tcpCloseWaitTimeout: number;
    /** 0 leaves the kernel's own. */
    readonly udpTimeout: number;
    readonly udpStreamTimeout: number;
  };
}

/** A KubeProxyConfiguration as its file has it (`kubeproxy.config.k8s.io/v1alpha1`): every field optional, durations as text. */
export interface KubeProxyConfiguration {
  apiVersion?: string;
  kind?: string;
  mode?: string;
  hostnameOverride?: string;
  bindAddress?: string;
  healthzBindAddress?: string;
  metricsBindAddress?: string;
  clusterCIDR?: string;
  detectLocalMode?: string;
  detectLocal?: { bridgeInterface?: string; interfaceNamePrefix?: string };
  nodePortAddresses?: string[];
  featureGates?: { [gate: string]: boolean };
  iptables?: {
    masqueradeBit?: number;
    masqueradeAll?: boolean;
    localhostNodePorts?: boolean;
    syncPeriod?: string;
    minSyncPeriod?: string;
  };
  conntrack?: {
    maxPerCore?: number;
    min?: number;
    tcpEstablishedTimeout?: string;
    tcpCloseWaitTimeout?: string;
    tcpBeLiberal?: boolean;
    udpTimeout?: string;
    udpStreamTimeout?: string;
  };
  [field: string]: unknown;
}

/**
 * Checks and completes a parsed KubeProxyConfiguration (`kubeproxy.config.k8s.io/v1alpha1`); an empty
 * object gives the defaults. Throws {@link ConfigurationError} on unknown fields and impossible values.
 */
export function proxyConfiguration(file: unknown = {}): ProxyConfiguration {
  const root = readFields(file, schema, '');
  const { apiVersion, kind } = root;
  if (kind !== undefined && kind !== 'KubeProxyConfiguration')
    throw new ConfigurationError(`kind: ${JSON.stringify(kind)} is not "KubeProxyConfiguration"`);
  if (apiVersion !== undefined && apiVersion !== 'kubeproxy.config.k8s.io/v1alpha1')
    throw new ConfigurationError(
      `apiVersion: ${JSON.stringify(apiVersion)} is not "kubeproxy.config.k8s.io/v1alpha1"`,
    );
  const section = (name: string) => readFields(root[name], schema[name] as Record<string, Shape>, name);
  const [iptables, ipvs, nftables] = [section('iptables'), section('ipvs'), section('nftables')];
  const [conntrack, detect] = [section('conntrack'), section('detectLocal')];

  const text = (value: unknown, fallback = '') => (value as string | undefined) || fallback;
  const bindAddress = text(root.bindAddress);
  const isIPv6 = familyOf(bindAddress) === 'IPv6';
  const clusterCIDR = text(root.clusterCIDR);
  const configuration: ProxyConfiguration = {
    mode: text(root.mode, 'iptables') as ProxyMode,
    hostnameOverride: text(root.hostnameOverride),
    bindAddress,
    healthzBindAddress: withPort(text(root.healthzBindAddress, isIPv6 ? '::' : '0.0.0.0'), 10_256),
    metricsBindAddress: withPort(text(root.metricsBindAddress, isIPv6 ? '::1' : '127.0.0.1'), 10_249),
    detectLocal: {
      mode: text(root.detectLocalMode, 'ClusterCIDR') as DetectLocal['mode'],
      clusterCIDR,
      bridgeInterface: text(detect.bridgeInterface),
      interfaceNamePrefix: text(detect.interfaceNamePrefix),
    },
    nodePortAddresses: (root.nodePortAddresses as string[] | undefined) ?? [],
    featureGates: {
      preferSameNode:
        (root.featureGates as { [gate: string]: boolean } | undefined)?.PreferSameTrafficDistribution ??
        false,
    },
    iptables: {
      masqueradeBit: (iptables.masqueradeBit as number | undefined) ?? 14,
      masqueradeAll: (iptables.masqueradeAll as boolean | undefined) ?? false,
      localhostNodePorts: (iptables.localhostNodePorts as boolean | undefined) ?? true,
      ...syncPeriods(iptables),
    },
    ipvs: {
      scheduler: text(ipvs.scheduler, 'rr'),
      strictARP: (ipvs.strictARP as boolean | undefined) ?? false,
      excludeCIDRs: (ipvs.excludeCIDRs as string[] | undefined) ?? [],
      tcpTimeout: milliseconds(ipvs.tcpTimeout, 0),
      tcpFinTimeout: milliseconds(ipvs.tcpFinTimeout, 0),
      udpTimeout: milliseconds(ipvs.udpTimeout, 0),
      ...syncPeriods(ipvs),
    },
    nftables: {
      layout: text(nftables.layout, 'upstream') as NftablesLayout,
      masqueradeBit: (nftables.masqueradeBit as number | undefined) ?? 14,
      masqueradeAll: (nftables.masqueradeAll as boolean | undefined) ?? false,
      ...syncPeriods(nftables),
    },
    conntrack: {
      maxPerCore: (conntrack.maxPerCore as number | undefined) ?? 32_768,
      min: (conntrack.min as number | undefined) ?? 131_072,
      tcpBeLiberal: (conntrack.tcpBeLiberal as boolean | undefined) ?? false,
      tcpEstablishedTimeout: milliseconds(conntrack.tcpEstablishedTimeout, 86_400_000),
      tcpCloseWaitTimeout: milliseconds(conntrack.tcpCloseWaitTimeout, 3_600_000),
      udpTimeout: milliseconds(conntrack.udpTimeout, 0),
      udpStreamTimeout: milliseconds(conntrack.udpStreamTimeout, 0),
    },
  };
  const errors = configurationErrors(configuration, {
    clusterCIDR,
    oomScoreAdj: root.oomScoreAdj as number | undefined,
    configSyncPeriod: milliseconds(root.configSyncPeriod, 0),
    burst: (root.clientConnection as { burst?: unknown } | undefined)?.burst,
  });
  if (errors.length > 0) throw new ConfigurationError(errors);
  return configuration;
}

/** Upstream: `AppendPortIfNeeded` of `pkg/proxy/util`. What is no bare IP address stays as it is. */
export function withPort(address: string, port: number | string): string {
  return familyOf(address) ? joinHostPort(address, port) : address;
}

function syncPeriods(section: Record<string, unknown>): { syncPeriod: number; minSyncPeriod: number } {
  return {
    syncPeriod: milliseconds(section.syncPeriod, 30_000) || 30_000,
    minSyncPeriod: milliseconds(section.minSyncPeriod, 0),
  };
}
