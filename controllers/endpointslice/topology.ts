import type { Endpoint, Node, Service } from '../../api/types.ts';
import { parseAmounts } from '../scheduler/resources.ts';

/** A zone may get so much less than its share of the endpoints. Upstream: `overloadThreshold`. */
const overload = 0.2;
const zoneLabel = 'topology.kubernetes.io/zone';
const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** True for a Service that wants hints by the size of zones (`service.kubernetes.io/topology-mode: Auto`). */
export function wantsTopology({ metadata }: Service): boolean {
  const { annotations = {} } = metadata ?? {};
  const mode =
    annotations['service.kubernetes.io/topology-mode'] ??
    annotations['service.kubernetes.io/topology-aware-hints'];
  return mode === 'Auto' || mode === 'auto';
}

/**
 * The share of the cluster's CPUs that each zone has, over nodes that are ready and not for the control plane;
 * undefined when some node does not tell its zone or size, or there is one zone only. Upstream: SetNodes.
 */
export function cpuShares(nodes: Iterable<Node>): Map<string, number> | undefined {
  const cpus = new Map<string, number>();
  for (const { metadata, status } of nodes) {
    const { labels = {} } = metadata ?? {};
    if (controlPlaneLabels.some((label) => label in labels)) continue;
    if (!status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')) continue;
    const zone = labels[zoneLabel];
    const { cpu = 0 } = parseAmounts(status.allocatable);
    if (!zone || cpu === 0) return undefined;
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
  }
  if (cpus.size < 2) return undefined;
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0);
  return new Map([...cpus].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]));
}

/**
 * Gives each ready endpoint a zone to serve: its own, unless another zone would have less than its CPUs are
 * due. All endpoints get a hint or none does. Upstream: AddHints in `endpointslice/topologycache` (KEP-2433).
 */
export function withTopologyHints(
  endpoints: readonly Endpoint[],
  shares: ReadonlyMap<string, number> | undefined,
): Endpoint[] {
  const bare = endpoints.map(({ hints: _hints, ...endpoint }): Endpoint => endpoint);
  const ready = bare.filter(({ conditions }) => conditions?.ready);
  const zones = shares && assign(ready, shares);
  if (!zones) return bare;
  return bare.map((endpoint) => {
    const name = zones.get(endpoint);
    return name === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name }] } };
  });
}

function assign(
  ready: readonly Endpoint[],
  shares: ReadonlyMap<string, number>,
): Map<Endpoint, string> | undefined {
  const total = ready.length;
  if (total < shares.size) return undefined;
  if (ready.some(({ zone }) => zone === undefined || !shares.has(zone))) return undefined;
  const least = new Map(
    [...shares].map(([zone, share]) => [zone, Math.ceil((share * total) / (1 + overload))]),
  );
  if ([...least.values()].reduce((sum, count) => sum + count, 0) > total) return undefined;

  const held = new Map<string, Endpoint[]>([...shares.keys()].map((zone) => [zone, []]));
  // Always in the same order, so that hints do not wander.
  const sorted = ready.toSorted((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
  for (const endpoint of sorted) held.get(endpoint.zone ?? '')?.push(endpoint);
  const surplus = (zone: string) => (held.get(zone)?.length ?? 0) - (shares.get(zone) ?? 0) * total;
  const canGive = (zone: string) => (held.get(zone)?.length ?? 0) > (least.get(zone) ?? 0);
  for (const [zone, own] of held) {
    while (own.length < (least.get(zone) ?? 0)) {
      const [giver] = [...held.keys()].filter(canGive).sort((a, b) => surplus(b) - surplus(a));
      const given = giver === undefined ? undefined : held.get(giver)?.pop();
      if (!given) return undefined;
      own.push(given);
    }
  }
  return new Map([...held].flatMap(([zone, own]) => own.map((endpoint) => [endpoint, zone] as const)));
}
