import { cidrOf } from '../api/address.ts';
import { parseDuration } from '../api/duration.ts';
import type { DetectLocal } from './model/detector.ts';

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

/** A KubeProxyConfiguration that cannot be used; the message names the field and its value. */
export class ConfigurationError extends Error {
  constructor(message: string) {
    super(`KubeProxyConfiguration: ${message}`);
    this.name = 'ConfigurationError';
  }
}

/** The kinds of value a field may have; upstream: `k8s.io/kube-proxy/config/v1alpha1/types.go`. */
type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'duration'
  | 'strings'
  | 'booleans'
  | 'any'
  | { readonly [field: string]: Shape };

const periods = { syncPeriod: 'duration', minSyncPeriod: 'duration' } as const;
const schema: { readonly [field: string]: Shape } = {
  apiVersion: 'string',
  kind: 'string',
  featureGates: 'booleans',
  clientConnection: 'any',
  logging: 'any',
  hostnameOverride: 'string',
  bindAddress: 'string',
  healthzBindAddress: 'string',
  metricsBindAddress: 'string',
  bindAddressHardFail: 'boolean',
  enableProfiling: 'boolean',
  showHiddenMetricsForVersion: 'string',
  mode: 'string',
  iptables: { ...periods, masqueradeBit: 'number', masqueradeAll: 'boolean', localhostNodePorts: 'boolean' },
  ipvs: {
    ...periods,
    scheduler: 'string',
    excludeCIDRs: 'strings',
    strictARP: 'boolean',
    tcpTimeout: 'duration',
    tcpFinTimeout: 'duration',
    udpTimeout: 'duration',
  },
  nftables: { ...periods, masqueradeBit: 'number', masqueradeAll: 'boolean', layout: 'string' },
  winkernel: 'any',
  detectLocalMode: 'string',
  detectLocal: { bridgeInterface: 'string', interfaceNamePrefix: 'string' },
  clusterCIDR: 'string',
  nodePortAddresses: 'strings',
  oomScoreAdj: 'number',
  conntrack: {
    maxPerCore: 'number',
    min: 'number',
    tcpEstablishedTimeout: 'duration',
    tcpCloseWaitTimeout: 'duration',
    tcpBeLiberal: 'boolean',
    udpTimeout: 'duration',
    udpStreamTimeout: 'duration',
  },
  configSyncPeriod: 'duration',
  portRange: 'string',
  windowsRunAsService: 'boolean',
};

const modes = ['iptables', 'ipvs', 'nftables'] as const;
const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'mh', 'sed', 'nq', 'lblc', 'lblcr'] as const;
const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const;

/**
 * Checks and completes a parsed KubeProxyConfiguration (`kubeproxy.config.k8s.io/v1alpha1`); an empty
 * object gives the defaults. Throws {@link ConfigurationError} on unknown fields and impossible values.
 */
export function proxyConfiguration(file: unknown = {}): ProxyConfiguration {
  const root = read(file, schema, '');
  const { apiVersion, kind } = root;
  if (kind !== undefined && kind !== 'KubeProxyConfiguration')
    throw new ConfigurationError(`kind: ${JSON.stringify(kind)} is not "KubeProxyConfiguration"`);
  if (apiVersion !== undefined && apiVersion !== 'kubeproxy.config.k8s.io/v1alpha1')
    throw new ConfigurationError(
      `apiVersion: ${JSON.stringify(apiVersion)} is not "kubeproxy.config.k8s.io/v1alpha1"`,
    );
  const section = (name: string) => read(root[name], schema[name] as Record<string, Shape>, name);
  const [iptables, ipvs, nftables] = [section('iptables'), section('ipvs'), section('nftables')];
  const [conntrack, detect] = [section('conntrack'), section('detectLocal')];

  const detectLocal: DetectLocal = {
    mode: oneOf(root.detectLocalMode, localModes, 'ClusterCIDR', 'detectLocalMode'),
    clusterCIDR: (root.clusterCIDR as string | undefined) ?? '',
    bridgeInterface: (detect.bridgeInterface as string | undefined) ?? '',
    interfaceNamePrefix: (detect.interfaceNamePrefix as string | undefined) ?? '',
  };
  checkDetectLocal(detectLocal);
  const addresses = (root.nodePortAddresses as string[] | undefined) ?? [];
  if (addresses[0] !== 'primary') for (const text of addresses) checkCidr(text, 'nodePortAddresses');
  const excludeCIDRs = (ipvs.excludeCIDRs as string[] | undefined) ?? [];
  for (const text of excludeCIDRs) checkCidr(text, 'ipvs.excludeCIDRs');
  return {
    mode: oneOf(root.mode, modes, 'iptables', 'mode'),
    hostnameOverride: (root.hostnameOverride as string | undefined) ?? '',
    bindAddress: (root.bindAddress as string | undefined) ?? '',
    healthzBindAddress: (root.healthzBindAddress as string | undefined) || '0.0.0.0:10256',
    metricsBindAddress: (root.metricsBindAddress as string | undefined) || '127.0.0.1:10249',
    detectLocal,
    nodePortAddresses: addresses,
    featureGates: {
      preferSameNode:
        (root.featureGates as { [gate: string]: boolean } | undefined)?.PreferSameTrafficDistribution ??
        false,
    },
    iptables: {
      masqueradeBit: bit(iptables.masqueradeBit, 'iptables'),
      masqueradeAll: (iptables.masqueradeAll as boolean | undefined) ?? false,
      localhostNodePorts: (iptables.localhostNodePorts as boolean | undefined) ?? true,
      ...syncPeriods(iptables),
    },
    ipvs: {
      scheduler: oneOf(ipvs.scheduler, schedulers, 'rr', 'ipvs.scheduler'),
      strictARP: (ipvs.strictARP as boolean | undefined) ?? false,
      excludeCIDRs,
      tcpTimeout: milliseconds(ipvs.tcpTimeout, 0),
      tcpFinTimeout: milliseconds(ipvs.tcpFinTimeout, 0),
      udpTimeout: milliseconds(ipvs.udpTimeout, 0),
      ...syncPeriods(ipvs),
    },
    nftables: {
      layout: oneOf(nftables.layout, nftablesLayouts, 'upstream', 'nftables.layout'),
      masqueradeBit: bit(nftables.masqueradeBit, 'nftables'),
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
}

function syncPeriods(section: Record<string, unknown>): { syncPeriod: number; minSyncPeriod: number } {
  return {
    syncPeriod: milliseconds(section.syncPeriod, 30_000) || 30_000,
    minSyncPeriod: milliseconds(section.minSyncPeriod, 0),
  };
}

function checkDetectLocal({ mode, clusterCIDR, bridgeInterface, interfaceNamePrefix }: DetectLocal): void {
  if (clusterCIDR) for (const text of clusterCIDR.split(',')) checkCidr(text.trim(), 'clusterCIDR');
  if (mode === 'BridgeInterface' && !bridgeInterface)
    throw new ConfigurationError(
      'detectLocal.bridgeInterface: required with detectLocalMode BridgeInterface',
    );
  if (mode === 'InterfaceNamePrefix' && !interfaceNamePrefix)
    throw new ConfigurationError(
      'detectLocal.interfaceNamePrefix: required with detectLocalMode InterfaceNamePrefix',
    );
}

function checkCidr(text: string, field: string): void {
  if (!cidrOf(text))
    throw new ConfigurationError(`${field}: ${JSON.stringify(text)} is not a CIDR (as in 10.244.0.0/16)`);
}

function bit(value: unknown, section: string): number {
  const number = (value as number | undefined) ?? 14;
  if (!Number.isInteger(number) || number < 0 || number > 31)
    throw new ConfigurationError(`${section}.masqueradeBit: ${number} is not in the range 0 to 31`);
  return number;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], fallback: T, field: string): T {
  if (value === undefined || value === '') return fallback;
  const found = allowed.find((one) => one === value);
  if (!found)
    throw new ConfigurationError(`${field}: ${JSON.stringify(value)} is none of ${allowed.join(', ')}`);
  return found;
}

/** Checks names and types of the fields of one section; nulls count as absent, as everywhere in Kubernetes. */
function read(
  value: unknown,
  shape: { readonly [field: string]: Shape },
  path: string,
): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new ConfigurationError(`${path || 'document'}: ${JSON.stringify(value)} is not an object`);
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    const full = path ? `${path}.${name}` : name;
    const expected = shape[name];
    if (expected === undefined) throw new ConfigurationError(`unknown field ${JSON.stringify(full)}`);
    if (field === null) continue;
    if (typeof expected === 'object') read(field, expected, full);
    else check(field, expected, full);
    fields[name] = field;
  }
  return fields;
}

function check(value: unknown, shape: Exclude<Shape, object>, path: string): void {
  const ok =
    shape === 'any' ||
    (shape === 'strings' && Array.isArray(value) && value.every((one) => typeof one === 'string')) ||
    (shape === 'booleans' && isBooleans(value)) ||
    (shape === 'duration' && durationOf(value) !== undefined) ||
    typeof value === shape;
  if (!ok)
    throw new ConfigurationError(`${path}: ${JSON.stringify(value)} is not a ${described[shape] ?? shape}`);
}

const described: { readonly [shape: string]: string } = {
  duration: 'duration (as in 30s or 1m30s)',
  strings: 'list of strings',
  booleans: 'map of true and false',
};

const isBooleans = (value: unknown): boolean =>
  typeof value === 'object' &&
  !Array.isArray(value) &&
  Object.values(value ?? {}).every((one) => typeof one === 'boolean');

function milliseconds(value: unknown, fallback: number): number {
  return value === undefined ? fallback : (durationOf(value) ?? fallback);
}

/** Whether a text is a duration as Go writes it (`30s`, `1m30s`). */
export const isDuration = (text: string): boolean => durationOf(text) !== undefined;

/** In milliseconds. A bare number is nanoseconds, as Go reads JSON; no setting can be negative. */
function durationOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value / 1e6;
  return typeof value === 'string' && !/^[-+]/.test(value) ? parseDuration(value) : undefined;
}
