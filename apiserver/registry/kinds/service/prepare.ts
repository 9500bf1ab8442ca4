import type { Service, ServiceSpec } from '../../../../api/types.ts';
import {
  isExternal,
  isSame,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
  nodePortsOf,
  specOf,
} from './traits.ts';

/**
 * Keeps what was allocated, drops what the type does not have.
 * Upstream: `PrepareForCreate` and `PrepareForUpdate` in `pkg/registry/core/service/strategy.go`.
 */
export function prepareService(service: Service, old: Service | undefined): void {
  service.status = old?.status ?? { loadBalancer: {} };
  const spec = service.spec ?? {};
  if (!old) {
    if (spec.clusterIP && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const before = specOf(old);
  followClusterIp(spec, before);
  keepAllocated(spec, before);
  dropForeign(spec, before);
}

/** Lets `clusterIPs` follow `clusterIP`, for clients that know only the older field. */
function followClusterIp(spec: ServiceSpec, before: ServiceSpec): void {
  const { clusterIP = '' } = spec;
  if (clusterIP === (before.clusterIP ?? '')) return;
  if (!isSame(spec.clusterIPs, before.clusterIPs) && spec.clusterIPs !== undefined) return;
  if (clusterIP === '') delete spec.clusterIPs;
  else spec.clusterIPs = [clusterIP, ...(spec.clusterIPs ?? []).slice(1)];
}

/** A client that does not send what it was given keeps it. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIp(before) && needsClusterIp(spec) && !spec.clusterIP && !spec.clusterIPs?.length) {
    if (before.clusterIP !== undefined) spec.clusterIP = before.clusterIP;
    if (before.clusterIPs !== undefined) spec.clusterIPs = [...before.clusterIPs];
  }
  if (needsClusterIp(before) && needsClusterIp(spec) && spec.clusterIP && !spec.clusterIPs) {
    spec.clusterIPs = spec.clusterIP === before.clusterIP ? [...(before.clusterIPs ?? [])] : [spec.clusterIP];
  }
  if (needsNodePort(before) && needsNodePort(spec)) keepNodePorts(spec, before);
  if (needsHealthCheckPort(before) && needsHealthCheckPort(spec) && before.healthCheckNodePort) {
    spec.healthCheckNodePort ||= before.healthCheckNodePort;
  }
}

/** Ports are known by their name; everything else about them may have changed. */
function keepNodePorts(spec: ServiceSpec, before: ServiceSpec): void {
  const used = new Set(nodePortsOf(spec));
  const byName = new Map((before.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
  for (const port of spec.ports ?? []) {
    const nodePort = byName.get(port.name ?? '');
    if (port.nodePort || !nodePort || used.has(nodePort)) continue;
    port.nodePort = nodePort;
    used.add(nodePort);
  }
}

/** Upstream: `dropTypeDependentFields`. What the client changed itself stays, and is then refused. */
function dropForeign(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIp(before) && !needsClusterIp(spec)) {
    if (isSame(spec.clusterIPs, before.clusterIPs)) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (isSame(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  const ports = (of: ServiceSpec) => nodePortsOf(of).map(String);
  if (needsNodePort(before) && !needsNodePort(spec) && isSame(ports(spec), ports(before))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(before) && !needsHealthCheckPort(spec)) {
    if (spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort;
  }
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (
    isExternal(before) &&
    !isExternal(spec) &&
    spec.externalTrafficPolicy === before.externalTrafficPolicy
  ) {
    delete spec.externalTrafficPolicy;
  }
  if (spec.type === 'ExternalName' && spec.internalTrafficPolicy === before.internalTrafficPolicy) {
    delete spec.internalTrafficPolicy;
  }
}
