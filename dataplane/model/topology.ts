import type { Endpoint } from './endpoints.ts';
import { type ServicePort, usesClusterEndpoints, usesLocalEndpoints } from './serviceport.ts';

/** The node label that topology hints are matched against. */
export const zoneLabel = 'topology.kubernetes.io/zone';

/** Which endpoints a node uses for which kind of traffic. */
export interface Categorized {
  /** For traffic policy Cluster. */
  readonly cluster: readonly Endpoint[];
  /** For traffic policy Local. */
  readonly local: readonly Endpoint[];
  /** The union of both: what needs a chain of its own. */
  readonly reachable: readonly Endpoint[];
  /** Whether any node has an endpoint that serves. Decides between REJECT and DROP. */
  readonly hasAny: boolean;
}

/**
 * Chooses endpoints by readiness, traffic policy and topology hints. Without a ready endpoint those
 * that terminate but still serve are used (KEP-1669). Upstream: `CategorizeEndpoints` in `pkg/proxy/topology.go`.
 */
export function categorizeEndpoints(
  endpoints: readonly Endpoint[],
  port: ServicePort,
  nodeLabels: Readonly<Record<string, string>>,
): Categorized {
  const usesCluster = usesClusterEndpoints(port);
  const usesLocal = usesLocalEndpoints(port);
  const zone = usesCluster ? usableZone(endpoints, nodeLabels) : undefined;
  const cluster = usesCluster ? clusterEndpoints(endpoints, zone) : [];
  if (!usesLocal) return { cluster, local: [], reachable: cluster, hasAny: cluster.length > 0 };

  const local = readyOrTerminating(endpoints.filter((endpoint) => endpoint.isLocal));
  const hasAny = endpoints.some(isUsable);
  if (!usesCluster) return { cluster: [], local, reachable: local, hasAny };
  const union = new Map([...cluster, ...local].map((endpoint) => [endpoint.text, endpoint]));
  return { cluster, local, reachable: [...union.values()], hasAny };
}

function clusterEndpoints(endpoints: readonly Endpoint[], zone: string | undefined): readonly Endpoint[] {
  const ready = endpoints.filter(
    (endpoint) => endpoint.ready && (zone === undefined || endpoint.zoneHints?.has(zone)),
  );
  return ready.length > 0 ? ready : endpoints.filter(isServingTerminating);
}

function readyOrTerminating(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter(isServingTerminating);
}

const isServingTerminating = (endpoint: Endpoint) => endpoint.serving && endpoint.terminating;
const isUsable = (endpoint: Endpoint) => endpoint.ready || isServingTerminating(endpoint);

/** This node's zone, when every ready endpoint has a hint and at least one is meant for it. */
function usableZone(
  endpoints: readonly Endpoint[],
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const zone = labels[zoneLabel];
  if (!zone) return undefined;
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (!ready.every((endpoint) => endpoint.zoneHints)) return undefined;
  return ready.some((endpoint) => endpoint.zoneHints?.has(zone)) ? zone : undefined;
}
