import type { Family } from '../../../../api/address.ts';
import { resources } from '../../../../api/scheme.ts';
import { statusError } from '../../../../api/status.ts';
import type { Service, ServiceCIDR, ServiceSpec } from '../../../../api/types.ts';
import { AllocationError, canonical, createIpAllocator, type IpAllocator } from '../../ip-allocator.ts';
import { invalid as invalidObject } from '../../pipeline/failures.ts';
import { createPortAllocator, type PortAllocator } from '../../port-allocator.ts';
import type { FieldError, Lookup, WriteContext } from '../../strategy.ts';
import { invalid } from '../validation/field.ts';
import { familyOf } from '../validation/names.ts';
import { settleFamilies } from './families.ts';
import { allocateNodePorts } from './node-ports.ts';
import { isHeadless, needsHealthCheckPort, needsNodePort, nodePortsOf, specOf } from './traits.ts';

/** What the Services of a cluster share. */
interface Pools {
  ips: Record<Family, IpAllocator>;
  ports: PortAllocator;
  /** What stored Services hold, where others allocate too; the allocators then know what is promised besides. */
  stored?: Stored;
}

interface Stored {
  ips: Set<string>;
  ports: Set<number>;
}

/** Calls `tell` with every change of a Service, as soon as the lookup shows it. */
export type FollowServices = (tell: (now: Service | undefined, before: Service | undefined) => void) => void;

/** The two ends of a Service's allocation, for its strategy. */
export interface ServiceAllocation {
  allocate(service: Service, old: Service | undefined, context: WriteContext): () => void;
  release(service: Service): void;
}

/**
 * Gives Services their ClusterIPs and node ports. What is taken is kept in memory and read from the
 * stored Services once, before the first allocation. Upstream: `pkg/registry/core/service/storage/alloc.go`.
 *
 * @param cidrs one a family, the primary first; ServiceCIDR objects add to them
 */
export function createServiceAllocation(options: {
  cidrs: readonly string[];
  nodePortRange: string;
  /** Where others allocate too: what they have given away is learnt from the Services. */
  follow?: FollowServices | undefined;
}): ServiceAllocation {
  let pools: Pools | undefined;
  const { follow } = options;
  follow?.((now, before) => {
    if (pools) learn(pools, now, before);
  });
  const configured = [...new Set(options.cidrs.map(familyOf))];
  return {
    allocate(service, old, { lookup }) {
      pools ??= loadPools(options, lookup);
      const held = pools;
      const errors = settleFamilies(service, old, configured);
      if (errors.length > 0) throw failure(service, errors);
      const undo: (() => void)[] = [];
      const giveBack = () => {
        for (const step of undo.splice(0).reverse()) step();
      };
      try {
        allocateIps(held, service, old, undo);
        allocatePorts(held, service, old, undo);
      } catch (error) {
        giveBack();
        throw error;
      }
      return giveBack;
    },
    release(service) {
      if (pools && !follow) releaseAll(pools, specOf(service));
    },
  };
}

function loadPools(
  options: { cidrs: readonly string[]; nodePortRange: string; follow?: FollowServices | undefined },
  lookup: Lookup,
): Pools {
  const ranges = (family: Family) => () => [
    ...new Set([...options.cidrs, ...addedRanges(lookup)].filter((cidr) => familyOf(cidr) === family)),
  ];
  const stored: Stored = { ips: new Set(), ports: new Set() };
  const { random } = Math;
  const pools: Pools = {
    ips: {
      IPv4: createIpAllocator(ranges('IPv4'), random, stored.ips),
      IPv6: createIpAllocator(ranges('IPv6'), random, stored.ips),
    },
    ports: createPortAllocator(options.nodePortRange, random, stored.ports),
    ...(options.follow ? { stored } : {}),
  };
  for (const service of lookup.list<Service>(resources.services)) {
    if (pools.stored) learn(pools, service, undefined);
    else {
      for (const ip of addressesOf(specOf(service))) pools.ips[familyOf(ip)].mark(ip);
      for (const port of portsOf(specOf(service))) pools.ports.mark(port);
    }
  }
  return pools;
}

/** What is stored is no longer only promised: whoever holds it says so when it goes. */
function learn(pools: Pools, now: Service | undefined, before: Service | undefined): void {
  const { stored } = pools;
  if (!stored) return;
  if (before) {
    for (const ip of addressesOf(specOf(before))) stored.ips.delete(canonical(ip));
    for (const port of portsOf(specOf(before))) stored.ports.delete(port);
  }
  if (now) {
    for (const ip of addressesOf(specOf(now))) {
      stored.ips.add(canonical(ip));
      pools.ips[familyOf(ip)].release(ip);
    }
    for (const port of portsOf(specOf(now))) {
      stored.ports.add(port);
      pools.ports.release(port);
    }
  }
}

/** Ranges of the ServiceCIDR objects that are not on their way out. */
function* addedRanges(lookup: Lookup): Iterable<string> {
  for (const { metadata, spec, status } of lookup.list<ServiceCIDR>(resources.servicecidrs)) {
    const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
    if (!metadata?.deletionTimestamp && ready?.status !== 'False') yield* spec?.cidrs ?? [];
  }
}

/** The ClusterIPs that a Service holds. */
export const addressesOf = (spec: ServiceSpec): string[] =>
  isHeadless(spec) ? [] : (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []));

/** The ports of nodes that a Service holds. */
export const portsOf = (spec: ServiceSpec): number[] => [
  ...nodePortsOf(spec),
  ...(spec.healthCheckNodePort ? [spec.healthCheckNodePort] : []),
];

function allocateIps(pools: Pools, service: Service, old: Service | undefined, undo: (() => void)[]): void {
  const spec = specOf(service);
  const held = old ? addressesOf(specOf(old)) : [];
  if (spec.type !== 'ExternalName' && !isHeadless(spec)) {
    const given = (spec.ipFamilies ?? []).map((family, index) => {
      const asked = spec.clusterIPs?.[index] ?? '';
      return held.includes(asked) ? asked : takeIp(pools, service, family as Family, asked, undo);
    });
    spec.clusterIPs = given;
    if (given[0]) spec.clusterIP = given[0];
  }
  if (pools.stored) return;
  for (const ip of held.filter((one) => !addressesOf(spec).includes(one))) {
    pools.ips[familyOf(ip)].release(ip);
    undo.push(() => pools.ips[familyOf(ip)].mark(ip));
  }
}

function takeIp(pools: Pools, service: Service, family: Family, asked: string, undo: (() => void)[]): string {
  const pool = pools.ips[family];
  try {
    if (asked) pool.allocate(asked);
    const ip = asked || pool.allocateNext();
    undo.push(() => pool.release(ip));
    return ip;
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    if (!asked) throw internal(`failed to allocate a serviceIP: ${error.message}`);
    const detail = `failed to allocate IP ${asked}: ${error.message}`;
    throw failure(service, [invalid('spec.clusterIPs', specOf(service).clusterIPs, detail)]);
  }
}

function allocatePorts(pools: Pools, service: Service, old: Service | undefined, undo: (() => void)[]): void {
  const spec = specOf(service);
  const held = old ? portsOf(specOf(old)) : [];
  const take = (port: number | undefined): number => {
    if (port !== undefined && held.includes(port)) return port;
    if (port !== undefined) pools.ports.allocate(port);
    const taken = port ?? pools.ports.allocateNext();
    undo.push(() => pools.ports.release(taken));
    return taken;
  };
  if (needsNodePort(spec) || spec.type === 'LoadBalancer') {
    const errors = allocateNodePorts(spec, take);
    if (errors.length > 0) throw failure(service, errors);
  }
  if (needsHealthCheckPort(spec)) {
    try {
      spec.healthCheckNodePort = take(spec.healthCheckNodePort || undefined);
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      const asked = spec.healthCheckNodePort ?? 0;
      throw internal(`failed to allocate requested HealthCheck NodePort ${asked}: ${error.message}`);
    }
  }
  if (pools.stored) return;
  for (const port of held.filter((one) => !portsOf(spec).includes(one))) {
    pools.ports.release(port);
    undo.push(() => pools.ports.mark(port));
  }
}

function releaseAll(pools: Pools, spec: ServiceSpec): void {
  for (const ip of addressesOf(spec)) pools.ips[familyOf(ip)].release(ip);
  for (const port of portsOf(spec)) pools.ports.release(port);
}

function failure(service: Service, errors: FieldError[]) {
  return invalidObject(resources.services, service.metadata?.name ?? '', errors);
}

function internal(message: string) {
  return statusError('InternalError', `Internal error occurred: ${message}`);
}
