import { familyOf } from '../../api/address.ts';
import type { DiscoveryEndpointPort, Endpoint, Node, Pod, Service, ServicePort } from '../../api/types.ts';
import { isPodReady, isPodTerminal } from '../pod.ts';

/** Upstream: `pkg/util/endpoint` and `endpointslice/utils.go`. */

/** True when a pod belongs behind a Service at all: it has an address and has not finished. */
export function belongsToService(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod) || podAddresses(pod).length === 0) return false;
  return includeTerminating || pod.metadata?.deletionTimestamp === undefined;
}

export function podAddresses(pod: Pod): string[] {
  const addresses = pod.status?.podIPs?.map(({ ip }) => ip) ?? [];
  return addresses.length > 0 ? addresses : pod.status?.podIP ? [pod.status.podIP] : [];
}

/** `IPv4` and `IPv6` as the Service has them; a Service from before dual stack is judged by its ClusterIP. */
export function addressTypes(service: Service): string[] {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  if (ipFamilies && ipFamilies.length > 0) return ipFamilies;
  if (clusterIP && clusterIP !== 'None') return [familyOf(clusterIP) ?? 'IPv4'];
  return ['IPv4', 'IPv6'];
}

/** What one pod is behind a Service; undefined when it has no address of that family. */
export function endpointOf(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  addressType: string,
): Endpoint | undefined {
  const addresses = podAddresses(pod).filter((ip) => familyOf(ip) === addressType);
  if (addresses.length === 0) return undefined;
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const serving = isPodReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses || (serving && !terminating);
  const zone = node?.metadata?.labels?.['topology.kubernetes.io/zone'];
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostnameOf(pod, service) ? { hostname: hostnameOf(pod, service) } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(ready ? hintsOf(service, zone, pod.spec?.nodeName) : {}),
  } as Endpoint;
}

/**
 * For whom a ready endpoint is meant by the Service's trafficDistribution. Hints of topology-aware routing would go
 * before these, so a Service that asks for it gets none. Upstream: `endpointslice/trafficdist`.
 */
function hintsOf(
  { spec, metadata }: Service,
  zone: string | undefined,
  nodeName: string | undefined,
): Pick<Endpoint, 'hints'> {
  const mode = metadata?.annotations?.['service.kubernetes.io/topology-mode'];
  if (mode === 'Auto' || mode === 'auto') return {};
  const byNode = spec?.trafficDistribution === 'PreferSameNode';
  if (!byNode && !/^Prefer(Close|SameZone)$/.test(spec?.trafficDistribution ?? '')) return {};
  const hints = {
    ...(byNode && nodeName ? { forNodes: [{ name: nodeName }] } : {}),
    ...(zone ? { forZones: [{ name: zone }] } : {}),
  };
  return Object.keys(hints).length > 0 ? { hints } : {};
}

/** A pod has a name of its own in DNS when its subdomain is the Service's name. */
export function hostnameOf(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  const same =
    subdomain === service.metadata?.name && service.metadata?.namespace === pod.metadata?.namespace;
  return hostname && same ? hostname : undefined;
}

/** The ports one pod serves the Service on; a named target port that the pod lacks is left out. */
export function endpointPorts(service: Service, pod: Pod): DiscoveryEndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

/** The number of a target port on that pod, undefined when no container has a port of that name. Upstream: FindPort. */
export function targetPort(
  pod: Pod,
  { targetPort, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => restartsAlways(container));
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol) {
        return candidate.containerPort;
      }
    }
  }
  return undefined;
}

const restartsAlways = (container: { restartPolicy?: string }) => container.restartPolicy === 'Always';
