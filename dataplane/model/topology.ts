import type { NodeFacts } from '../node.ts';
import type { Endpoint } from './endpoints.ts';
import { type ServicePort, usesClusterEndpoints, usesLocalEndpoints } from './serviceport.ts';

/** The node label that topology hints are matched against. */
export const zoneLabel = 'topology.kubernetes.io/zone';

/** What topology hints are held against: undefined where they do not count. */
export interface Topology {
  readonly zone: string | undefined;
  /** The node's name, with feature gate PreferSameTrafficDistribution, which is off in 1.33. */
  readonly node: string | undefined;
}

/** What counts for this node. */
export function topologyOf(
  { name, labels }: Pick<NodeFacts, 'name' | 'labels'>,
  { preferSameNode }: { readonly preferSameNode: boolean },
): Topology {
  return { zone: labels[zoneLabel] || undefined, node: preferSameNode ? name : undefined };
}

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
  topology: Topology,
): Categorized {
  const usesCluster = usesClusterEndpoints(port);
  const usesLocal = usesLocalEndpoints(port);
  const cluster = usesCluster ? clusterEndpoints(endpoints, topology) : [];
  if (!usesLocal) return { cluster, local: [], reachable: cluster, hasAny: cluster.length > 0 };

  const local = readyOrTerminating(endpoints.filter((endpoint) => endpoint.isLocal));
  const hasAny = endpoints.some(isUsable);
  if (!usesCluster) return { cluster: [], local, reachable: local, hasAny };
  const union = new Map([...cluster, ...local].map((endpoint) => [endpoint.text, endpoint]));
  return { cluster, local, reachable: [...union.values()], hasAny };
}

function clusterEndpoints(endpoints: readonly Endpoint[], { zone, node }: Topology): readonly Endpoint[] {
  const usable = readyOrTerminating(endpoints);
  return (
    meantFor(usable, node, (endpoint) => endpoint.nodeHints) ??
    meantFor(usable, zone, (endpoint) => endpoint.zoneHints) ??
    usable
  );
}

/** Those that are hinted here, when every ready endpoint has a hint and at least one is meant for here. */
function meantFor(
  usable: readonly Endpoint[],
  here: string | undefined,
  hints: (endpoint: Endpoint) => ReadonlySet<string> | undefined,
): readonly Endpoint[] | undefined {
  if (here === undefined || !usable.every((endpoint) => endpoint.ready && hints(endpoint))) return undefined;
  const meant = usable.filter((endpoint) => hints(endpoint)?.has(here));
  return meant.length > 0 ? meant : undefined;
}

function readyOrTerminating(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter(isServingTerminating);
}

const isServingTerminating = (endpoint: Endpoint) => endpoint.serving && endpoint.terminating;
const isUsable = (endpoint: Endpoint) => endpoint.ready || isServingTerminating(endpoint);
