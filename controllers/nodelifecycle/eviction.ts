import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, sameJson } from '../lookup.ts';
import { isPodTerminal, timestamp } from '../pod.ts';
import { evictionTime } from './taints.ts';

/** Deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate. Upstream: `pkg/controller/tainteviction`. */
export const startTaintEvictionController: Controller = ({ client, informers, reconciler, recorder }) => {
  const podsByNode = createIndex(informers.pods, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  const events = recorder('taint-eviction-controller');
  const queue = reconciler('taint-eviction', reconcile);

  informers.pods.onChange(({ type, key, object, old }) => {
    if (type === 'deleted' || !object.spec?.nodeName) return;
    const same =
      old?.spec?.nodeName === object.spec.nodeName && sameJson(old.spec.tolerations, object.spec.tolerations);
    if (!same) queue.enqueue(key);
  });
  informers.nodes.onChange(({ key, object, old }) => {
    if (!sameJson(old?.spec?.taints, object.spec?.taints)) enqueuePods(key);
  });
  for (const name of informers.nodes.store.keys()) enqueuePods(name);

  function enqueuePods(node: string): void {
    for (const { metadata } of podsByNode.get(node))
      queue.enqueue(`${metadata?.namespace}/${metadata?.name}`);
  }

  async function reconcile(key: string): Promise<Again | undefined> {
    const pod = informers.pods.store.get(key);
    if (!pod?.spec?.nodeName || pod.metadata?.deletionTimestamp || isPodTerminal(pod)) return undefined;
    const taints = informers.nodes.store.get(pod.spec.nodeName)?.spec?.taints ?? [];
    const time = evictionTime(pod, taints);
    if (time === Number.POSITIVE_INFINITY) return undefined;
    const wait = time - Date.now();
    if (wait > 0) return { requeueAfter: Math.min(wait, 2 ** 31 - 1) };
    await evict(key, pod);
    return undefined;
  }

  async function evict(key: string, pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: timestamp(),
    };
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
    const status = { ...pod.status, conditions: [...others, condition] };
    try {
      await client.update(resources.pods, { ...pod, status }, 'status');
      await client.delete(resources.pods, { name, namespace }, { preconditions: { uid } });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
};
