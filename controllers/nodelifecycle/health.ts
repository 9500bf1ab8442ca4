import type { Lease, Node, NodeCondition } from '../../api/types.ts';
import { timestamp } from '../pod.ts';

/** What a node's agent reports; all become Unknown when it falls silent. */
const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/**
 * When each node was last heard of, by this process's own clock: only that a heartbeat changed counts,
 * not the time it carries. Upstream: `nodeHealthData` in `node_lifecycle_controller.go`.
 */
export function createHeartbeats(now: () => number) {
  const seen = new Map<string, { mark: string; at: number }>();
  return {
    /** Milliseconds since a heartbeat (lease or Ready condition) last changed. */
    silence(node: Node, lease: Lease | undefined): number {
      const name = node.metadata?.name ?? '';
      const mark = JSON.stringify([
        node.metadata?.uid,
        lease?.spec?.renewTime,
        readyCondition(node)?.status === 'Unknown' ? undefined : readyCondition(node)?.lastHeartbeatTime,
      ]);
      const known = seen.get(name);
      if (known?.mark === mark) return now() - known.at;
      seen.set(name, { mark, at: now() });
      return 0;
    },
    forget(name: string): void {
      seen.delete(name);
    },
  };
}

export function readyCondition(node: Node): NodeCondition | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready');
}

/** The conditions of a node that fell silent; undefined when they say so already. Upstream: tryUpdateNodeHealth. */
export function silentConditions(node: Node, now: Date): NodeCondition[] | undefined {
  const conditions = node.status?.conditions ?? [];
  const changed = reported.flatMap((type): NodeCondition[] => {
    const known = conditions.find((condition) => condition.type === type);
    if (known?.status === 'Unknown') return [];
    const time = timestamp(now);
    if (known) {
      return [
        {
          ...known,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        },
      ];
    }
    return [
      {
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata?.creationTimestamp ?? time,
        lastTransitionTime: time,
      },
    ];
  });
  if (changed.length === 0) return undefined;
  const types = changed.map(({ type }) => type);
  return [...conditions.filter(({ type }) => !types.includes(type)), ...changed];
}
