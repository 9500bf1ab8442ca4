import type { KubeObject } from '../../api/object.ts';
import type { Service } from '../../api/types.ts';
import { node, service, slice } from './objects.ts';
import type { Random } from './random.ts';

/** A port of a Service that is being drafted; slices know it by `name` and `protocol`. */
export interface Port {
  name: string;
  port: number;
  protocol: string;
  nodePort: number;
}

/** Endpoints of one family in one slice, and what that slice says of the ports. */
export interface SliceDraft {
  suffix: string;
  family: 'IPv4' | 'IPv6';
  ports: { name: string; protocol: string; port: number }[];
  endpoints: {
    host: number;
    node: string;
    ready: boolean;
    serving: boolean;
    terminating: boolean;
    zones: string[];
  }[];
}

export interface ServiceDraft {
  key: string;
  exists: boolean;
  type: string;
  /** The last part of its ClusterIPs; 0 makes it headless. */
  host: number;
  families: ('IPv4' | 'IPv6')[];
  ports: Port[];
  affinity: number;
  externalPolicy: string;
  internalPolicy: string;
  healthCheckNodePort: number;
  externals: number[];
  ingress: number[];
  ipMode: string;
  ranges: string[];
  foreign: boolean;
  slices: SliceDraft[];
}

export interface World {
  services: ServiceDraft[];
  zone: string;
  nodeHost: number;
}

export const types = ['ClusterIP', 'NodePort', 'LoadBalancer'] as const;
export const protocols = ['TCP', 'TCP', 'UDP', 'SCTP'] as const;
export const ranges = [
  '172.18.0.0/16',
  '192.0.2.0/24',
  '192.0.2.7/32',
  '0.0.0.0/0',
  'fd00:172::/32',
  '2001:db8::/64',
];

export function one<T>(all: readonly T[], random: Random): T {
  const chosen = all[random(all.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

export const oneOrNone = <T>(all: readonly T[], random: Random) =>
  all.length > 0 ? one(all, random) : undefined;
export const some = <T>(all: readonly T[], random: Random) => all.filter(() => random(3) === 0);

/** Of two ports with one number and protocol the API takes only one. */
export function distinct(ports: readonly Port[]): Port[] {
  const nameOf = ({ port, protocol }: Port) => `${port}/${protocol}`;
  return ports.filter((own, i) => ports.findIndex((other) => nameOf(other) === nameOf(own)) === i);
}

function free(used: Iterable<number>, from: number, below: number, random: Random): number {
  const taken = new Set(used);
  const rest = Array.from({ length: below - from }, (_, i) => from + i).filter(
    (number) => !taken.has(number),
  );
  return one(rest, random);
}

export const freeHost = ({ services }: World, random: Random) =>
  free(
    services.map(({ host }) => host),
    1,
    30,
    random,
  );
export const freeNodePort = ({ services }: World, random: Random) =>
  free(
    services.flatMap(({ ports }) => ports.map(({ nodePort }) => nodePort)),
    30_000,
    30_080,
    random,
  );
export const freeSuffix = ({ slices }: ServiceDraft) => {
  for (let n = 0; ; n++) if (!slices.some(({ suffix }) => suffix === `x${n}`)) return `x${n}`;
};

export function setType(draft: ServiceDraft, world: World, type: string, random: Random): void {
  draft.type = type;
  for (const port of draft.ports) port.nodePort = type === 'ClusterIP' ? 0 : freeNodePort(world, random);
  draft.ingress = type === 'LoadBalancer' ? [1 + random(3)] : [];
}

export function newPort(
  { ports }: Pick<ServiceDraft, 'ports'>,
  world: World,
  random: Random,
  type = '',
): Port {
  const port = free(
    ports.map((own) => own.port),
    80,
    90,
    random,
  );
  const outside = type === 'NodePort' || type === 'LoadBalancer';
  return {
    name: ports.length === 0 && random(2) ? '' : `p${port}`,
    port,
    protocol: one(protocols, random),
    nodePort: outside ? freeNodePort(world, random) : 0,
  };
}

export function newService(world: World, key: string, random: Random): ServiceDraft {
  const draft: ServiceDraft = {
    key,
    exists: true,
    type: 'ClusterIP',
    host: freeHost(world, random),
    families: ['IPv4', 'IPv6'],
    ports: [],
    affinity: random(3) ? 0 : 10_800,
    externalPolicy: random(3) ? 'Cluster' : 'Local',
    internalPolicy: random(4) ? 'Cluster' : 'Local',
    healthCheckNodePort: 31_000 + world.services.length,
    externals: random(3) ? [] : [1 + random(3)],
    ingress: [],
    ipMode: 'VIP',
    ranges: random(3) ? [] : some(ranges, random),
    foreign: false,
    slices: [],
  };
  for (let n = 1 + random(2); n > 0; n--) draft.ports.push(newPort(draft, world, random));
  setType(draft, world, one(types, random), random);
  for (const family of ['IPv4', 'IPv6'] as const)
    if (random(8)) draft.slices.push(newSlice(draft, family, random));
  return draft;
}

export function revive(world: World, draft: ServiceDraft, random: Random): boolean {
  const { slices } = draft;
  Object.assign(draft, newService(world, draft.key, random));
  // Some slices outlive their Service, and are those of the next one of that name.
  if (random(2)) draft.slices = slices;
  return true;
}

export function newSlice(draft: ServiceDraft, family: 'IPv4' | 'IPv6', random: Random): SliceDraft {
  return {
    suffix: freeSuffix(draft),
    family,
    ports: draft.ports.map((port) => ({ ...port, port: 8000 + random(50) })),
    endpoints: Array.from({ length: random(5) }, () => newEndpoint(random)),
  };
}

export function newEndpoint(random: Random): SliceDraft['endpoints'][number] {
  const ready = random(4) > 0;
  return {
    host: 1 + random(12),
    node: one(['worker', 'worker2', ''], random),
    ready,
    serving: ready || random(2) === 0,
    terminating: !ready && random(3) > 0,
    zones: random(3) ? [] : some(['a', 'b'], random),
  };
}

/** All that the API holds. */
export function objectsOf({ services, zone, nodeHost }: World): KubeObject[] {
  const ips = [`172.18.0.${nodeHost}`, `fd00:172::${nodeHost}`];
  const labels = { 'topology.kubernetes.io/zone': zone };
  const all: KubeObject[] = [node('worker', ips, labels, ['10.244.1.0/24', 'fd00:244:1::/64'])];
  for (const draft of services) {
    if (draft.exists) all.push(serviceObject(draft));
    for (const own of draft.slices) all.push(...sliceObjects(draft.key, own));
  }
  return all;
}

function serviceObject(draft: ServiceDraft): Service {
  const addresses = { IPv4: `10.96.0.${draft.host}`, IPv6: `fd00:96::${draft.host.toString(16)}` };
  const outside = draft.type !== 'ClusterIP';
  const spec = {
    type: draft.type,
    clusterIPs: draft.host ? draft.families.map((family) => addresses[family]) : ['None'],
    ports: draft.ports.map(({ name, nodePort, ...port }) => ({
      ...port,
      ...(name ? { name } : {}),
      ...(nodePort && outside ? { nodePort } : {}),
    })),
    externalIPs: draft.externals.flatMap((n) => [`192.0.2.${n}`, `2001:db8::${n}`]),
    loadBalancerSourceRanges: draft.ranges,
    sessionAffinity: draft.affinity ? 'ClientIP' : 'None',
    ...(draft.affinity ? { sessionAffinityConfig: { clientIP: { timeoutSeconds: draft.affinity } } } : {}),
    internalTrafficPolicy: draft.internalPolicy,
    ...(outside ? { externalTrafficPolicy: draft.externalPolicy } : {}),
    ...(draft.type === 'LoadBalancer' && draft.externalPolicy === 'Local'
      ? { healthCheckNodePort: draft.healthCheckNodePort }
      : {}),
  };
  const labels: Record<string, string> = draft.foreign
    ? { 'service.kubernetes.io/service-proxy-name': 'other' }
    : {};
  const object = service(draft.key, spec, { labels });
  const ips = draft.ingress.flatMap((n) => [`198.51.100.${n}`, `2001:db8:1::${n}`]);
  return {
    ...object,
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: draft.ipMode })) } },
  };
}

/** One object a port, as `slice` makes them, put together. */
function sliceObjects(key: string, { suffix, family, ports, endpoints }: SliceDraft): KubeObject[] {
  const seen = new Set<number>();
  const own = endpoints.filter(({ host }) => !seen.has(host) && seen.add(host));
  const object = slice(
    key,
    own.map(({ host, ...rest }) => ({
      ...rest,
      ip: family === 'IPv4' ? `10.244.${host % 2}.${host}` : `fd00:244:${host % 2}::${host.toString(16)}`,
    })),
    { suffix, addressType: family },
  );
  const slicePorts = ports.map(({ name, protocol, port }) => ({ name, protocol, port }));
  return [Object.assign(object, { ports: slicePorts })];
}
