import { type KubeObject, keyOf } from '../../api/object.ts';
import type { EndpointSlice, Service, ServicePort } from '../../api/types.ts';
import { createHistoryState } from './state.ts';

/** All Services and EndpointSlices that the API is to hold at one time, and what happened since the last time. */
export interface Round {
  readonly what: readonly string[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

/** Addresses that endpoints may have, by the number that the histories give them. */
export interface EndpointPlace {
  readonly IPv4: string;
  readonly IPv6: string;
  /** Undefined where the slice does not say. */
  readonly node: string | undefined;
}

/**
 * So many rounds of what may happen to Services and endpoints, each several steps of the dataplane's own histories:
 * the same for the same seed. What an API server would refuse, and what two proxies may answer differently on
 * purpose, is put right: names and numbers that are taken twice, one address in two states.
 */
export function randomRounds(seed: number, count: number, stepsPerRound = 6): Round[] {
  const state = createHistoryState(seed, count * stepsPerRound);
  return Array.from({ length: count }, (_, i) => {
    const { what, objects } = state.after((i + 1) * stepsPerRound);
    const services = [...externalNames(seed), ...acceptableServices(objects)];
    return { what, services, slices: acceptableSlices(objects) };
  });
}

/**
 * Endpoint number → address. Odd ones are pods of the node itself, even ones of another; of every sixth the slices do
 * not say where it is. The first are those that the pods of the dataplane's test node have, so that packets can be
 * sent as well; others are given to these pods besides.
 */
export function endpointPlace(number: number): EndpointPlace {
  const node = number % 2 === 1 ? 1 : 2;
  const host = ownHosts.get(number) ?? 20 + number;
  return {
    IPv4: `10.244.${node}.${host}`,
    IPv6: `fd00:244:${node}::${host.toString(16)}`,
    node: number % 6 === 0 ? undefined : node === 1 ? 'worker' : 'worker2',
  };
}

/** pod1, pod4, pod2, pod3 of the test node. */
export const ownHosts: ReadonlyMap<number, number> = new Map([
  [1, 5],
  [2, 5],
  [3, 6],
  [5, 7],
]);

/** How many endpoints there are: the histories number them from 1. */
export const endpointCount = 12;

/** Nobody's: a Service that is a name alone has no rules. */
const externalNames = (seed: number): Service[] => [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'ns0', name: 'elsewhere' },
    spec: {
      type: 'ExternalName',
      externalName: `elsewhere${seed}.example.org`,
      ports: [{ port: 80, protocol: 'TCP' }],
    },
  },
];

function acceptableServices(objects: readonly KubeObject[]): Service[] {
  const taken = new Set<string>();
  const take = (name: string) => !taken.has(name) && taken.add(name) !== undefined;
  return objects
    .filter((object): object is Service => object.kind === 'Service')
    .map((service) => acceptableService(service, take))
    .filter(({ spec }) => spec?.clusterIPs?.every((ip) => ip === 'None' || take(ip)));
}

/** @param take whether nobody had that name yet */
function acceptableService(
  { metadata, spec = {}, status }: Service,
  take: (name: string) => boolean,
): Service {
  const { healthCheckNodePort, loadBalancerSourceRanges, externalTrafficPolicy, ...rest } = spec;
  const clusterIPs = (spec.clusterIPs ?? []).map(ownClusterIP);
  const headless = clusterIPs[0] === 'None';
  const type = headless ? 'ClusterIP' : (spec.type ?? 'ClusterIP');
  const ports = acceptablePorts(spec.ports ?? [], type, take);
  const free = (ip: string) => ports.every(({ protocol, port }) => take(`${ip} ${protocol} ${port}`));
  const externalIPs = headless ? [] : (spec.externalIPs ?? []).filter(free);
  const ingress = (status?.loadBalancer?.ingress ?? []).filter(
    ({ ip = '' }) => type === 'LoadBalancer' && free(ip),
  );
  const outside = type !== 'ClusterIP' || externalIPs.length > 0;
  // The histories give it to types that have node ports alone.
  const spare = externalIPs.length % 2 === 0 && spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster';
  const policy = outside ? (externalTrafficPolicy ?? spare) : undefined;
  const families = clusterIPs.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      namespace: metadata?.namespace ?? '',
      name: metadata?.name ?? '',
      labels: metadata?.labels ?? {},
    },
    spec: {
      ...rest,
      type,
      clusterIPs,
      clusterIP: clusterIPs[0] ?? 'None',
      ipFamilyPolicy: families.length > 1 ? 'RequireDualStack' : 'SingleStack',
      ipFamilies: headless ? ['IPv4'] : families,
      ports,
      externalIPs,
      ...(policy ? { externalTrafficPolicy: policy } : {}),
      ...(type === 'LoadBalancer' && policy === 'Local'
        ? { healthCheckNodePort: healthCheckNodePort ?? 31_500 }
        : {}),
      ...(type === 'LoadBalancer' && loadBalancerSourceRanges ? { loadBalancerSourceRanges } : {}),
    },
    status: { loadBalancer: { ingress } },
  };
}

/** The first addresses of a range are those of `kubernetes` and of cluster DNS: the histories' are moved behind them. */
function ownClusterIP(ip: string): string {
  const [, low = ''] = /^fd00:96::(\w+)$/.exec(ip) ?? [];
  return low ? `fd00:96::1${low.padStart(2, '0')}` : ip.replace(/^10\.96\.0\./, '10.96.1.');
}

function acceptablePorts(
  ports: readonly ServicePort[],
  type: string,
  take: (name: string) => boolean,
): ServicePort[] {
  const names = new Set<string>();
  return ports.map(({ nodePort, ...port }, i) => {
    let name = port.name || (ports.length > 1 ? 'main' : '');
    if (names.has(name)) name = `${name}-${i}`;
    names.add(name);
    const own = type !== 'ClusterIP' && nodePort && take(`node port ${nodePort}`);
    // Beyond those that the histories give away; one Service, one place in the range.
    const spare = 32_000 + port.port + 100 * i;
    const free = type === 'ClusterIP' ? {} : { nodePort: own ? nodePort : spareFrom(spare, take) };
    return { ...port, ...(name ? { name } : {}), ...free };
  });
}

function spareFrom(first: number, take: (name: string) => boolean): number {
  let number = first;
  while (!take(`node port ${number}`)) number++;
  return number;
}

/**
 * Within the slices of one Service: a port name has one number, and an address one state. Where they differ, 1.20
 * takes whichever slice its map gives first, later releases the one that does not terminate.
 */
function acceptableSlices(objects: readonly KubeObject[]): EndpointSlice[] {
  const numbers = new Map<string, number>();
  const states = new Map<string, NonNullable<EndpointSlice['endpoints']>[number]>();
  const first = <T>(known: Map<string, T>, name: string, value: T): T => {
    const before = known.get(name) ?? value;
    known.set(name, before);
    return before;
  };
  return objects
    .filter((object): object is EndpointSlice => object.kind === 'EndpointSlice')
    .map((slice) => {
      const { namespace = '', labels = {} } = slice.metadata ?? {};
      const service = `${namespace}/${labels['kubernetes.io/service-name']} ${slice.addressType}`;
      const seen = new Set<string>();
      const ports = (slice.ports ?? [])
        .filter(({ name, protocol }) => !seen.has(`${name} ${protocol}`) && seen.add(`${name} ${protocol}`))
        .map((port) => ({
          ...port,
          port: first(numbers, `${service} ${port.name} ${port.protocol}`, port.port ?? 8000),
        }));
      const endpoints = (slice.endpoints ?? []).map((endpoint) => {
        const place = endpointPlace(numberOf(endpoint.addresses[0] ?? ''));
        const { nodeName: _, ...rest } = endpoint;
        return first(states, `${service} ${endpoint.addresses[0]}`, {
          ...rest,
          addresses: [slice.addressType === 'IPv6' ? place.IPv6 : place.IPv4],
          ...(place.node ? { nodeName: place.node } : {}),
        });
      });
      // Port names are unique in a slice whatever the protocol.
      return { ...slice, ports: uniqueNames(ports), endpoints };
    });
}

function uniqueNames<T extends { name?: string }>(ports: readonly T[]): T[] {
  return ports.filter(({ name }, i) => ports.findIndex((other) => other.name === name) === i);
}

/** The histories' addresses end in the endpoint's number. */
function numberOf(address: string): number {
  const last = address.split(/[.:]/).at(-1) ?? '';
  return Number.parseInt(last, address.includes(':') ? 16 : 10);
}

/** `ns/name` of objects that must go, and objects that must be written, from one round to the next. */
export function between<T extends KubeObject>(
  before: readonly T[],
  after: readonly T[],
): { gone: T[]; changed: T[] } {
  const had = new Map(before.map((object) => [keyOf(object), object]));
  const has = new Set(after.map(keyOf));
  return {
    gone: before.filter((object) => !has.has(keyOf(object))),
    changed: after.filter((object) => JSON.stringify(had.get(keyOf(object))) !== JSON.stringify(object)),
  };
}
