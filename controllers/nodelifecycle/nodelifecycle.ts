import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, sameJson } from '../lookup.ts';
import { isPodTerminal, podCondition, timestamp } from '../pod.ts';
import { untilSeen } from '../seen.ts';
import { createHeartbeats, readyCondition, silentConditions } from './health.ts';
import { wantedTaints } from './taints.ts';

const leaseNamespace = 'kube-node-lease';

/**
 * Watches nodes' heartbeats: a silent node becomes Unknown and tainted, its pods not ready; a node that
 * is ready loses the taint it came with. Upstream: `pkg/controller/nodelifecycle`.
 */
export const startNodeLifecycleController: Controller = ({
  client,
  informers,
  reconciler,
  recorder,
  settings,
}) => {
  const podsByNode = createIndex(informers.pods, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  const heartbeats = createHeartbeats(() => performance.now());
  const events = recorder('node-controller');
  const queue = reconciler('nodelifecycle', reconcile);

  informers.nodes.onChange(({ type, key, object, old }) => {
    if (type === 'added')
      events.event(
        object,
        'Normal',
        'RegisteredNode',
        `Node ${key} event: Registered Node ${key} in Controller`,
      );
    if (type === 'deleted' && old)
      events.event(old, 'Normal', 'RemovingNode', `Node ${key} event: Removing Node ${key} from Controller`);
    queue.enqueue(key);
  });
  informers.leases.onChange(({ object: { metadata } }) => {
    if (metadata?.namespace === leaseNamespace) queue.enqueue(metadata.name ?? '');
  });
  for (const key of informers.nodes.store.keys()) queue.enqueue(key);

  async function reconcile(name: string): Promise<Again | undefined> {
    const node = informers.nodes.store.get(name);
    if (!node) {
      heartbeats.forget(name);
      return undefined;
    }
    const silence = heartbeats.silence(node, informers.leases.store.get(`${leaseNamespace}/${name}`));
    const grace = readyCondition(node) ? settings.nodeMonitorGraceMs : settings.nodeStartupGraceMs;
    const known = silence < grace ? node : await markSilent(node);
    await Promise.all([taint(known), ...markPods(known)]);
    return silence < grace ? { requeueAfter: grace - silence } : undefined;
  }

  async function markSilent(node: Node): Promise<Node> {
    const conditions = silentConditions(node, new Date());
    if (!conditions) return node;
    const status = { ...node.status, conditions };
    const written = await client.update(resources.nodes, { ...node, status }, 'status');
    events.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata?.name} status is now: NodeNotReady`);
    return untilSeen(informers.nodes, written);
  }

  async function taint(node: Node): Promise<void> {
    const taints = wantedTaints(node, timestamp());
    if (sameJson(taints, node.spec?.taints)) return;
    const { name = '', resourceVersion } = node.metadata ?? {};
    const body = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    await untilSeen(informers.nodes, await client.patch(resources.nodes, { name }, 'merge', body));
  }

  /** Pods of a node that is not ready are not ready either, so that Services leave them. */
  function markPods(node: Node): Promise<void>[] {
    const ready = readyCondition(node);
    if (ready === undefined || ready.status === 'True') return [];
    return [...podsByNode.get(node.metadata?.name ?? '')]
      .filter((pod) => podCondition(pod, 'Ready')?.status === 'True' && !isPodTerminal(pod))
      .map(markPod);
  }

  async function markPod(pod: Pod): Promise<void> {
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type === 'Ready'
        ? { ...condition, status: 'False', lastTransitionTime: timestamp() }
        : condition,
    );
    try {
      const status = { ...pod.status, conditions };
      await untilSeen(informers.pods, await client.update(resources.pods, { ...pod, status }, 'status'));
      events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
};
