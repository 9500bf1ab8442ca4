import { matchesLabelSelector } from '../../api/object.ts';
import type { Namespace, Node, Pod, PodAffinityTerm, Taint } from '../../api/types.ts';
import { notReadyTaint, sameTaint, tolerates, unreachableTaint } from '../nodelifecycle/taints.ts';
import { isMeant, matchesNode, withLabelKeys } from './affinity.ts';
import { podRequests } from './resources.ts';
import { allocatableOf, summaryOf } from './summary.ts';
import { reachesVolumes, type Volumes } from './volumes.ts';

/** A node and the pods on it, those bound a moment ago included. Never changed: a new one takes its place. */
export interface NodeInfo {
  node: Node;
  pods: readonly Pod[];
}

/** Why a pod cannot run on a node. `resolvable`: it could, were other pods gone. */
export interface Refusal {
  reasons: string[];
  resolvable: boolean;
}

/** All that a decision may look at. */
export interface Snapshot {
  nodes: readonly NodeInfo[];
  namespaceOf: (name: string) => Namespace | undefined;
  /** Absent: pods have none. */
  volumes?: Volumes;
  /** Pods for which others are going, each from the node it is nominated for. */
  nominated?: readonly Pod[];
}

type Filter = (pod: Pod, info: NodeInfo, snapshot: Snapshot) => Refusal | undefined;

/** The first reason that keeps a pod from a node, in upstream's order of plugins and its words. */
export function filterNode(pod: Pod, info: NodeInfo, snapshot: Snapshot): Refusal | undefined {
  for (const filter of filters) {
    const refusal = filter(pod, info, snapshot);
    if (refusal) return refusal;
  }
  return undefined;
}

const unresolvable = (reason: string): Refusal => ({ reasons: [reason], resolvable: false });
const resolvable = (...reasons: string[]): Refusal => ({ reasons, resolvable: true });

const filters: readonly Filter[] = [
  function nodeUnschedulable(pod, { node }) {
    const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    const tolerated = pod.spec?.tolerations?.some((toleration) => tolerates(toleration, taint));
    return node.spec?.unschedulable && !tolerated ? unresolvable('node(s) were unschedulable') : undefined;
  },
  function taintToleration(pod, { node }) {
    const taint = taintsOf(node).find(
      ({ key, value, effect }) =>
        (effect === 'NoSchedule' || effect === 'NoExecute') &&
        !pod.spec?.tolerations?.some((toleration) =>
          tolerates(toleration, { key, effect, ...(value ? { value } : {}) }),
        ),
    );
    return taint && unresolvable(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  },
  function nodeAffinity(pod, { node }) {
    return matchesNode(pod, node)
      ? undefined
      : unresolvable("node(s) didn't match Pod's node affinity/selector");
  },
  function nodePorts(pod, { pods }) {
    const wanted = hostPorts(pod);
    if (wanted.length === 0) return undefined;
    const taken = pods.flatMap(hostPorts);
    const conflict = wanted.some((port) => taken.some((other) => conflicts(port, other)));
    return conflict ? resolvable("node(s) didn't have free ports for the requested pod ports") : undefined;
  },
  function nodeResourcesFit(pod, info) {
    const allocatable = allocatableOf(info.node);
    const reasons: string[] = [];
    let possible = true;
    if (allocatable.pods !== undefined && info.pods.length + 1 > allocatable.pods)
      reasons.push('Too many pods');
    const requests = podRequests(pod);
    const { requested } = summaryOf(info);
    for (const [name, amount] of Object.entries(requests)) {
      if (amount === 0) continue;
      const total = allocatable[name] ?? 0;
      const taken = requested[name] ?? 0;
      // Nothing smaller than a nano of anything exists: what floats beyond is rounding.
      if (amount + taken <= total + 1e-9) continue;
      reasons.push(`Insufficient ${name}`);
      if (amount > total) possible = false;
    }
    return reasons.length > 0 ? { reasons, resolvable: possible } : undefined;
  },
  function volumeBinding(pod, { node }, { volumes }) {
    if (!volumes || reachesVolumes(pod, node, volumes)) return undefined;
    return unresolvable("node(s) didn't match PersistentVolume's node affinity");
  },
  podTopologySpread,
  interPodAffinity,
];

/** A node that does not report itself ready counts as tainted, whether the taint is already there or not. */
function taintsOf(node: Node): Taint[] {
  const taints = node.spec?.taints ?? [];
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'True') return taints;
  const implied = { key: ready === 'Unknown' ? unreachableTaint : notReadyTaint, effect: 'NoSchedule' };
  return taints.some((taint) => sameTaint(taint, implied)) ? taints : [...taints, implied];
}

interface HostPort {
  ip: string;
  port: number;
  protocol: string;
}

function hostPorts({ spec }: Pod): HostPort[] {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort ? [{ ip: hostIP || '0.0.0.0', port: hostPort, protocol: protocol ?? 'TCP' }] : [],
    ),
  );
}

function conflicts(a: HostPort, b: HostPort): boolean {
  const sameIp = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
  return sameIp && a.port === b.port && a.protocol === b.protocol;
}

/** DoNotSchedule constraints. Upstream: `plugins/podtopologyspread/filtering.go`. */
function podTopologySpread(pod: Pod, { node }: NodeInfo, { nodes }: Snapshot): Refusal | undefined {
  const constraints = (pod.spec?.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
  );
  const hasAllKeys = (candidate: Node) =>
    constraints.every(({ topologyKey }) => candidate.metadata?.labels?.[topologyKey] !== undefined);
  for (const constraint of constraints) {
    const domain = node.metadata?.labels?.[constraint.topologyKey];
    const text = "node(s) didn't match pod topology spread constraints";
    if (domain === undefined) return unresolvable(`${text} (missing required label)`);
    const selector = withLabelKeys(constraint, pod);
    const counts = new Map<string, number>();
    for (const info of nodes) {
      const honoured =
        (constraint.nodeAffinityPolicy === 'Ignore' || matchesNode(pod, info.node)) &&
        (constraint.nodeTaintsPolicy !== 'Honor' ||
          filters[1]?.(pod, info, { nodes, namespaceOf: () => undefined }) === undefined);
      const own = info.node.metadata?.labels?.[constraint.topologyKey];
      if (own === undefined || !honoured || !hasAllKeys(info.node)) continue;
      const matching = info.pods.filter(
        ({ metadata }) =>
          metadata?.namespace === pod.metadata?.namespace &&
          metadata?.deletionTimestamp === undefined &&
          matchesLabelSelector(selector, metadata?.labels),
      ).length;
      counts.set(own, (counts.get(own) ?? 0) + matching);
    }
    const least = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const self = matchesLabelSelector(selector, pod.metadata?.labels) ? 1 : 0;
    if ((counts.get(domain) ?? 0) + self - least > constraint.maxSkew) return resolvable(text);
  }
  return undefined;
}

/** Required affinity and anti-affinity, the latter also of the pods that run already. Upstream: `plugins/interpodaffinity/filtering.go`. */
function interPodAffinity(
  pod: Pod,
  { node }: NodeInfo,
  { nodes, namespaceOf }: Snapshot,
): Refusal | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const domainOf = (candidate: Node, key: string) => candidate.metadata?.labels?.[key];
  const meant = (term: PodAffinityTerm) => (other: Pod) => isMeant(term, pod, other, namespaceOf);
  const nearby = (key: string) =>
    nodes.filter(
      (info) => domainOf(info.node, key) !== undefined && domainOf(info.node, key) === domainOf(node, key),
    );

  for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (nearby(term.topologyKey).some(({ pods }) => pods.some(meant(term)))) continue;
    // The first pod of a group that wants to be near itself may go anywhere.
    const alone = !nodes.some(({ pods }) => pods.some(meant(term)));
    const first = alone && meant(term)(pod) && domainOf(node, term.topologyKey) !== undefined;
    if (!first) return unresolvable("node(s) didn't match pod affinity rules");
  }
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    if (nearby(term.topologyKey).some(({ pods }) => pods.some(meant(term)))) {
      return resolvable("node(s) didn't match pod anti-affinity rules");
    }
  }
  const repelled = nodes.some((info) =>
    summaryOf(info).repelling.some((existing) =>
      (existing.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
        (term) =>
          domainOf(info.node, term.topologyKey) !== undefined &&
          domainOf(info.node, term.topologyKey) === domainOf(node, term.topologyKey) &&
          isMeant(term, existing, pod, namespaceOf),
      ),
    ),
  );
  return repelled ? resolvable("node(s) didn't satisfy existing pods anti-affinity rules") : undefined;
}
