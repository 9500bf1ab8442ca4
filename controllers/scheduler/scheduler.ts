import { collectionPath, resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { sameJson } from '../lookup.ts';
import { isPodTerminal, podCondition, timestamp } from '../pod.ts';
import { createSchedulerCache } from './cache.ts';
import { decide } from './decide.ts';
import { preemptionReason } from './preempt.ts';
import { bindVolumes, claimNames } from './volumes.ts';

const schedulerName = 'default-scheduler';

/** Binds pods to nodes, one decision after the other, the writes in parallel. Upstream: `pkg/scheduler`. */
export const startScheduler: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder(schedulerName);
  const cache = createSchedulerCache(informers);
  /** Pods for which there was no node; they are looked at again when something changes. */
  const unschedulable = new Set<string>();
  const queue = context.reconciler('scheduler', reconcile, 64);
  const volumesKnown = Promise.all([
    informers.persistentvolumeclaims.synced,
    informers.persistentvolumes.synced,
    informers.storageclasses.synced,
  ]);

  informers.pods.onChange(({ type, key, object, old }) => {
    const pending = type !== 'deleted' && isPending(object);
    if (pending && !(old && sameJson(demandsOf(old), demandsOf(object)))) queue.enqueue(key);
    if (!pending) unschedulable.delete(key);
    // A pod that leaves makes room; one that arrives may be the one another wants to be near.
    const leaves = type === 'deleted' || isPodTerminal(object) !== (old !== undefined && isPodTerminal(old));
    const arrives = object.spec?.nodeName !== undefined && old?.spec?.nodeName === undefined;
    if (leaves || arrives) retry();
  });
  informers.nodes.onChange(({ type, object, old }) => {
    if (type === 'deleted' || !old || !sameJson(supplyOf(old), supplyOf(object))) retry();
  });
  for (const { onChange } of [informers.persistentvolumeclaims, informers.persistentvolumes]) onChange(retry);
  const byPriority = [...informers.pods.store].sort(
    ([, a], [, b]) => (b.spec?.priority ?? 0) - (a.spec?.priority ?? 0),
  );
  for (const [key, pod] of byPriority) if (isPending(pod)) queue.enqueue(key);

  function retry(): void {
    for (const key of unschedulable) queue.enqueue(key);
  }

  async function reconcile(key: string): Promise<void> {
    const pod = informers.pods.store.get(key);
    if (!pod || !isPending(pod) || cache.isAssumed(pod)) return;
    if (claimNames(pod).length > 0) await volumesKnown;
    // From here to assume() nothing else runs: decisions are made one at a time.
    if (pod.spec?.schedulingGates?.length) {
      await setUnscheduled(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates');
      return;
    }
    const decision = decide(pod, cache.snapshot(), [...informers.poddisruptionbudgets.store.values()]);
    if ('node' in decision) {
      cache.assume(pod, decision.node);
      unschedulable.delete(key);
      await bind(key, pod, decision.node);
      return;
    }
    unschedulable.add(key);
    const before = podCondition(pod, 'PodScheduled');
    if (before?.message !== decision.message)
      recorder.event(pod, 'Warning', 'FailedScheduling', decision.message);
    const nominated = decision.preemption?.node ?? (decision.waits && pod.status?.nominatedNodeName);
    await setUnscheduled(pod, 'Unschedulable', decision.message, nominated);
    if (decision.preemption) await evictFor(pod, decision.preemption);
  }

  async function bind(key: string, pod: Pod, node: string): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    const path = `${collectionPath(resources.pods, namespace)}/${encodeURIComponent(name)}/binding`;
    try {
      if (claimNames(pod).length > 0) await bindVolumes(context, pod, node);
      await client.request('POST', path, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node },
      });
    } catch (error) {
      cache.forget(pod);
      // Gone, or bound by someone else: the watch will tell.
      if (hasReason(error, 'NotFound')) return;
      throw error;
    }
    recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`);
  }

  /** Has pods of lower priority go; those that were promised the same room have to look for other. Upstream: prepareCandidate. */
  async function evictFor(pod: Pod, { node, victims }: { node: string; victims: Pod[] }): Promise<void> {
    const priority = pod.spec?.priority ?? 0;
    const others = [...informers.pods.store.values()].filter(
      (other) => isPending(other) && other.status?.nominatedNodeName === node && other !== pod,
    );
    await Promise.all([
      ...victims.map((victim) => evict(victim, pod, node)),
      ...others
        .filter(({ spec }) => (spec?.priority ?? 0) < priority)
        .map(({ metadata }) => patchStatus(metadata, { nominatedNodeName: null })),
    ]);
  }

  async function evict(victim: Pod, pod: Pod, node: string): Promise<void> {
    const { name = '', namespace = '', uid = '' } = victim.metadata ?? {};
    if (victim.metadata?.deletionTimestamp) return;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: preemptionReason,
      message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timestamp(),
      observedGeneration: victim.metadata?.generation,
    };
    const conditions = (victim.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    await patchStatus(victim.metadata, { conditions: [...conditions, condition] });
    try {
      await client.delete(resources.pods, { name, namespace }, { preconditions: { uid } });
    } catch (error) {
      // It went by itself, or another has its name.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
      return;
    }
    recorder.event(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata?.uid} on node ${node}`);
  }

  async function patchStatus(metadata: Pod['metadata'], status: object): Promise<void> {
    const { name = '', namespace = '', uid } = metadata ?? {};
    try {
      const patch = { metadata: { uid }, status };
      await client.patch(resources.pods, { name, namespace, subresource: 'status' }, 'merge', patch);
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }

  async function setUnscheduled(
    pod: Pod,
    reason: string,
    message: string,
    nominated?: string,
  ): Promise<void> {
    const before = podCondition(pod, 'PodScheduled');
    const known = before?.status === 'False' && before.reason === reason && before.message === message;
    if (known && nominated === pod.status?.nominatedNodeName) return;
    const since = before?.status === 'False' ? before.lastTransitionTime : undefined;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastTransitionTime: since ?? timestamp(),
    };
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
    try {
      const { nominatedNodeName: _, ...kept } = pod.status ?? {};
      const conditions = [...others, condition];
      const status = { ...kept, conditions, ...(nominated ? { nominatedNodeName: nominated } : {}) };
      await client.update(resources.pods, { ...pod, status }, 'status');
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
};

function isPending(pod: Pod): boolean {
  return (
    !pod.spec?.nodeName &&
    pod.metadata?.deletionTimestamp === undefined &&
    !isPodTerminal(pod) &&
    (pod.spec?.schedulerName ?? schedulerName) === schedulerName
  );
}

/** What of a pod can change whether it is schedulable. */
function demandsOf({ metadata, spec }: Pod): unknown {
  return [metadata?.uid, metadata?.labels, spec];
}

/** What of a node can make a pod fit; heartbeats do not. */
function supplyOf({ metadata, spec, status }: Node): unknown {
  const conditions = status?.conditions?.map(({ type, status: state }) => [type, state]);
  return [metadata?.labels, spec, status?.allocatable, conditions];
}
