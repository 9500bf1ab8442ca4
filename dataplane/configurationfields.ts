import { parseDuration } from '../api/duration.ts';

/** A KubeProxyConfiguration that cannot be used; the message names every field that is wrong, and its value. */
export class ConfigurationError extends Error {
  constructor(errors: string | readonly string[]) {
    if (typeof errors === 'string') super(`KubeProxyConfiguration: ${errors}`);
    else super(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`);
    this.name = 'ConfigurationError';
  }
}

/** The kinds of value a field may have; upstream: `k8s.io/kube-proxy/config/v1alpha1/types.go`. */
export type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'duration'
  | 'strings'
  | 'booleans'
  | 'any'
  | { readonly [field: string]: Shape };

const periods = { syncPeriod: 'duration', minSyncPeriod: 'duration' } as const;
export const schema: { readonly [field: string]: Shape } = {
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

/** Checks names and types of the fields of one section; nulls count as absent, as everywhere in Kubernetes. */
export function readFields(
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
    if (typeof expected === 'object') readFields(field, expected, full);
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

/** A duration of the file in milliseconds. */
export function milliseconds(value: unknown, fallback: number): number {
  return value === undefined ? fallback : (durationOf(value) ?? fallback);
}

/** Whether a text is a duration as Go writes it (`30s`, `1m30s`, `-1s`). */
export const isDuration = (text: string): boolean => durationOf(text) !== undefined;

/** In milliseconds. A bare number is nanoseconds, as Go reads JSON. */
function durationOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value / 1e6;
  return typeof value === 'string' ? parseDuration(value) : undefined;
}
