import { isIP } from 'node:net';
import { canonicalAddress } from '../../wire/addresses.ts';
import { isSubdomain } from '../../wire/names.ts';
import type { ServiceRecord, SliceRecord } from './objects.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';
import { parseRequest, type RecordRequest, type Shapes } from './request.ts';

/** One thing that a name leads to: an address, or the name that an ExternalName Service stands for. */
export interface Target {
  /** IP address or domain name. */
  host: string;
  /** -1 where there is none. */
  port: number;
  /** The name under which this target itself is known: SRV records point to it. */
  owner: string;
}

/** What was found; empty when the name exists without data, undefined when it does not exist. */
export type Found = Target[] | undefined;

/**
 * The targets of a name. `zone` is in the case of the query and ends up in the owners. Upstream:
 * plugin/kubernetes/kubernetes.go.
 */
export function findTargets(records: Records, options: KubernetesOptions, name: string, zone: string): Found {
  const request = parseRequest(name, zone.toLowerCase(), shapesOf(options, zone));
  if (!request) return undefined;
  if (request.kind === '') return [];
  if (isReverseZone(name)) return undefined;
  if (!isExposed(records, options, request.namespace)) return undefined;
  if (request.service === '') return [];
  return request.kind === 'pod'
    ? findPods(records, options, request, zone)
    : findService(records, options, request, zone);
}

/** What names in a zone may look like. */
export function shapesOf({ zonal, multiclusterZones }: KubernetesOptions, zone: string): Shapes {
  if (multiclusterZones.length === 0) return zonal ? zonalShapes : plainShapes;
  return { zonal, multicluster: isMulticluster(multiclusterZones, zone) };
}

const plainShapes: Shapes = { zonal: false, multicluster: false };
const zonalShapes: Shapes = { zonal: true, multicluster: false };

/** True for the zones whose Services are those of several clusters. */
export function isMulticluster(zones: readonly string[], zone: string): boolean {
  return zones.some((multicluster) => isSubdomain(multicluster, zone));
}

/** The names of an address: that of the Service which has it, or else of every ready endpoint that has it. */
export function findNames(records: Records, options: KubernetesOptions, address: string): string[] {
  const zone = options.primaryZone;
  const visible = (namespace: string) =>
    options.namespaces.size === 0 || isExposed(records, options, namespace);
  for (const { name, namespace } of records.servicesByIp(address))
    if (visible(namespace)) return [`${name}.${namespace}.svc.${zone}`];
  const names: string[] = [];
  for (const { service, namespace, addresses } of records.slicesByIp(address)) {
    if (!visible(namespace)) continue;
    for (const endpoint of addresses)
      if (endpoint.ip === address) names.push(`${endpointName(endpoint, options)}.${service}.svc.${zone}`);
  }
  return names;
}

/** True when `namespaces` and `namespace_labels` let this namespace be seen, and it exists. */
export function isExposed(records: Records, options: KubernetesOptions, namespace: string): boolean {
  return (
    (options.namespaces.size === 0 || options.namespaces.has(namespace)) && records.hasNamespace(namespace)
  );
}

/** The label of an endpoint below its Service: its hostname, its pod's name if asked for, its dashed address. */
export function endpointName(
  { ip, hostname, target }: Pick<SliceRecord['addresses'][number], 'ip' | 'hostname' | 'target'>,
  { endpointPodNames }: Pick<KubernetesOptions, 'endpointPodNames'>,
): string {
  if (hostname !== '') return hostname;
  if (endpointPodNames && target !== '') return target;
  const dashed = ip.replaceAll(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed; // a label must not end with a dash
}

function findService(
  records: Records,
  options: KubernetesOptions,
  request: RecordRequest,
  zone: string,
): Found {
  const service = records.service(request.service, request.namespace);
  if (!service) return undefined;
  const key = `${service.name}.${service.namespace}`;
  const base = `${key}.svc.${zone}`;
  if (service.type === 'ExternalName') {
    if (request.endpoint || request.port || request.protocol || isIP(service.externalName)) return undefined;
    return [{ host: service.externalName, port: -1, owner: base }];
  }
  if (options.ignoreEmptyService && !service.headless && !hasEndpoints(records, key)) return undefined;
  if (request.topologyZone !== '') {
    if (!service.headless) return undefined;
    const near = endpointTargets(records, options, request, key, base, zone);
    // A zone without endpoints is an empty answer, drained zones and mistyped ones alike.
    if (near.length > 0 || !request.prefersZone) return near;
    return endpointTargets(records, options, { ...request, topologyZone: '' }, key, base, zone);
  }
  const found =
    service.headless || request.endpoint !== ''
      ? endpointTargets(records, options, request, key, base, zone)
      : clusterIpTargets(service, request, base);
  return found.length > 0 ? found : undefined;
}

function clusterIpTargets(service: ServiceRecord, request: RecordRequest, owner: string): Target[] {
  const found: Target[] = [];
  for (const { name, protocol, port } of service.ports) {
    if (!matches(request, name, protocol)) continue;
    for (const host of service.clusterIps) found.push({ host, port, owner });
  }
  return found;
}

function endpointTargets(
  records: Records,
  options: KubernetesOptions,
  request: RecordRequest,
  key: string,
  base: string,
  zone: string,
): Target[] {
  const found: Target[] = [];
  const { multicluster } = shapesOf(options, zone);
  for (const { addresses, ports, cluster } of records.slices(key)) {
    if (multicluster && request.endpoint !== '' && request.cluster !== cluster.toLowerCase()) continue;
    for (const address of addresses) {
      if (request.topologyZone !== '' && request.topologyZone !== address.topologyZone) continue;
      const name = endpointName(address, options);
      if (request.endpoint !== '' && request.endpoint !== name.toLowerCase()) continue;
      const label = multicluster ? `${name}.${cluster}` : name;
      for (const port of ports)
        if (matches(request, port.name, port.protocol))
          found.push({ host: address.ip, port: port.port, owner: `${label}.${base}` });
    }
  }
  return found;
}

function hasEndpoints(records: Records, key: string): boolean {
  for (const { addresses } of records.slices(key)) if (addresses.length > 0) return true;
  return false;
}

function findPods(records: Records, options: KubernetesOptions, request: RecordRequest, zone: string): Found {
  if (options.pods === 'disabled') return undefined;
  const { service: label, namespace } = request;
  const isVersion4 = label.split('-').length === 4 && !label.includes('--');
  const host = label.replaceAll('-', isVersion4 ? '.' : ':');
  if (!isIP(host)) return undefined;
  const found = [{ host: canonicalAddress(host), port: -1, owner: `${label}.${namespace}.pod.${zone}` }];
  if (options.pods === 'insecure') return found;
  for (const pod of records.podsByIp(host)) if (pod.namespace === namespace) return found;
  return undefined;
}

/** An empty part of the request matches everything. */
function matches({ port, protocol }: RecordRequest, portName: string, portProtocol: string): boolean {
  return (
    (port === '' || port === portName.toLowerCase()) &&
    (protocol === '' || protocol === portProtocol.toLowerCase())
  );
}

function isReverseZone(name: string): boolean {
  return name.endsWith('.in-addr.arpa.') || name.endsWith('.ip6.arpa.');
}
