import { type Cidr, canonicalAddress, cidrOf, type Family, familyOf } from '../../api/address.ts';
import type { LoadBalancerIngress, Service } from '../../api/types.ts';

/** The three protocols a Service port may have. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** One port of one Service in one address family: everything the rules need. Upstream: `pkg/proxy/serviceport.go`. */
export interface ServicePort {
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** `namespace/name:port`, or `namespace/name` where the port has no name: what comments and chain hashes use. */
  readonly name: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** 0 where there is none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  /** Load balancer addresses with ipMode VIP; those of a proxying load balancer are none of our business. */
  readonly loadBalancerVIPs: readonly string[];
  /** Empty when anybody may come. */
  readonly loadBalancerSourceRanges: readonly Cidr[];
  /** Seconds of ClientIP affinity; 0 means none. */
  readonly affinitySeconds: number;
  readonly externalPolicyLocal: boolean;
  readonly internalPolicyLocal: boolean;
  /** 0 where there is none. */
  readonly healthCheckNodePort: number;
}

/** A day and a half more would not fit the kernel; three hours is the API's default. */
const defaultAffinitySeconds = 10_800;

/** The label that hands a Service to another proxy. */
export const serviceProxyNameLabel = 'service.kubernetes.io/service-proxy-name';
/** The label that marks EndpointSlices and Services without a ClusterIP. */
export const headlessLabel = 'service.kubernetes.io/headless';

/**
 * The ports of a Service that a proxy of this family has to serve: none for ExternalName, headless
 * and foreign Services. Fields that the API server would default may be missing.
 */
export function servicePorts(service: Service, family: Family): ServicePort[] {
  const { metadata = {}, spec = {}, status = {} } = service;
  const labels = metadata.labels ?? {};
  if (serviceProxyNameLabel in labels || headlessLabel in labels) return [];
  const type = spec.type ?? 'ClusterIP';
  const clusterIP = clusterIPOf(service, family);
  if (type === 'ExternalName' || !clusterIP) return [];

  const key = `${metadata.namespace ?? 'default'}/${metadata.name ?? ''}`;
  const externalIPs = ofFamily(spec.externalIPs ?? [], family);
  const reachableFromOutside =
    type === 'LoadBalancer' || type === 'NodePort' || (spec.externalIPs ?? []).length > 0;
  const externalPolicyLocal = reachableFromOutside && spec.externalTrafficPolicy === 'Local';
  const ranges = (spec.loadBalancerSourceRanges ?? [])
    .map((text) => cidrOf(text))
    .filter((cidr) => cidr?.family === family) as Cidr[];
  const common = {
    service: key,
    clusterIP,
    externalIPs,
    loadBalancerVIPs: ofFamily(
      (status.loadBalancer?.ingress ?? []).filter(isVIP).map((one) => one.ip ?? ''),
      family,
    ),
    // 0.0.0.0/0 lets everybody in, as no range at all does.
    loadBalancerSourceRanges: ranges.some((cidr) => cidr.bits === 0) ? [] : ranges,
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : 0,
    externalPolicyLocal,
    internalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    healthCheckNodePort: type === 'LoadBalancer' && externalPolicyLocal ? (spec.healthCheckNodePort ?? 0) : 0,
  };
  return (spec.ports ?? []).map((port) => ({
    ...common,
    name: port.name ? `${key}:${port.name}` : key,
    portName: port.name ?? '',
    protocol: (port.protocol ?? 'TCP') as Protocol,
    port: port.port,
    nodePort: port.nodePort ?? 0,
  }));
}

/** What tells the ports of all Services apart; endpoints are looked up by the same key. */
export function servicePortKey(port: Pick<ServicePort, 'name' | 'protocol'>): string {
  return `${port.name}/${port.protocol}`;
}

/** Whether anything but the ClusterIP leads here. */
export function externallyAccessible(port: ServicePort): boolean {
  return port.nodePort !== 0 || port.loadBalancerVIPs.length > 0 || port.externalIPs.length > 0;
}

/** With policy Local outside, Cluster endpoints still serve clients inside the cluster. */
export function usesClusterEndpoints(port: ServicePort): boolean {
  return !port.internalPolicyLocal || externallyAccessible(port);
}

export function usesLocalEndpoints(port: ServicePort): boolean {
  return port.internalPolicyLocal || (port.externalPolicyLocal && externallyAccessible(port));
}

function clusterIPOf({ spec = {} }: Service, family: Family): string | undefined {
  const all = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return ofFamily(all, family)[0];
}

function isVIP(ingress: LoadBalancerIngress): boolean {
  return Boolean(ingress.ip) && (ingress.ipMode ?? 'VIP') === 'VIP';
}

function ofFamily(addresses: readonly string[], family: Family): string[] {
  return addresses
    .filter((address) => familyOf(address) === family)
    .map((address) => canonicalAddress(address) ?? address);
}
