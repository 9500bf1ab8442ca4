import { controllerOf, controllerReference, keyOf, matchesLabelSelector } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { isNamespaceEnding } from '../events.ts';
import { createIndex, matchesSelector, namespaceOf, ownerUids, sameJson } from '../lookup.ts';
import { isPodActive, isPodReady, timestamp, untilAvailable } from '../pod.ts';
import { untilSeen } from '../seen.ts';
import { claimAll } from './claim.ts';
import { createExpectations } from './expectations.ts';
import { podsToDelete } from './ranking.ts';

/** No ReplicaSet creates or deletes more pods in one go. */
const burst = 500;

/** Turns ReplicaSets into pods. Upstream: `pkg/controller/replicaset`. */
export const startReplicaSetController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('replicaset-controller');
  const expectations = createExpectations();
  const podsByOwner = createIndex(informers.pods, ownerUids);
  const orphans = createIndex(informers.pods, (pod) => (controllerOf(pod) ? [] : namespaceOf(pod)));
  const replicaSetsByNamespace = createIndex(informers.replicasets, namespaceOf);
  const replicaSetsByOwner = createIndex(informers.replicasets, ownerUids);
  const queue = context.reconciler('replicaset', reconcile);

  informers.replicasets.onChange(({ key }) => queue.enqueue(key));
  informers.pods.onChange(({ type, object, old }) => {
    const { namespace = '', uid = '', labels, deletionTimestamp } = object.metadata ?? {};
    const owner = controllerOf(object);
    if (owner?.kind === 'ReplicaSet') {
      const key = `${namespace}/${owner.name}`;
      // A deletion counts as seen when the pod is marked, a creation as soon as the pod is there.
      if (type === 'added' || type === 'deleted' || deletionTimestamp) expectations.observed(key, uid);
      queue.enqueue(key);
    } else if (!owner) {
      for (const replicaSet of replicaSetsByNamespace.get(namespace)) {
        if (matchesLabelSelector(replicaSet.spec?.selector, labels)) queue.enqueue(keyOf(replicaSet));
      }
    }
    const before = old && controllerOf(old);
    if (before?.kind === 'ReplicaSet' && before.uid !== owner?.uid)
      queue.enqueue(`${namespace}/${before.name}`);
  });
  for (const key of informers.replicasets.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const replicaSet = informers.replicasets.store.get(key);
    if (!replicaSet) {
      expectations.forget(key);
      return undefined;
    }
    const { uid = '', namespace = '', deletionTimestamp } = replicaSet.metadata ?? {};
    const candidates = [...podsByOwner.get(uid), ...orphans.get(namespace)].filter(isPodActive);
    const pods = await claimAll(
      client,
      resources.replicasets,
      replicaSet,
      replicaSet.spec?.selector,
      resources.pods,
      candidates,
    );
    let failure: unknown;
    if (!deletionTimestamp && expectations.satisfied(key)) {
      failure = await manage(key, replicaSet, pods).catch((error: unknown) => error);
    }
    const { status, requeueAfter } = calculateStatus(replicaSet, pods, failure, new Date());
    if (!sameJson(status, replicaSet.status)) {
      try {
        const written = await client.update(resources.replicasets, { ...replicaSet, status }, 'status');
        await untilSeen(informers.replicasets, written);
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    }
    if (failure !== undefined) throw failure;
    return requeueAfter === undefined ? undefined : { requeueAfter };
  }

  /** Creates what is missing, deletes what is too much. */
  async function manage(key: string, replicaSet: ReplicaSet, pods: readonly Pod[]): Promise<void> {
    const missing = (replicaSet.spec?.replicas ?? 1) - pods.length;
    if (missing > 0) {
      await slowStart(Math.min(missing, burst), () => createPod(key, replicaSet));
    } else if (missing < 0) {
      const surplus = podsToDelete(pods, relatedPods(replicaSet), Math.min(-missing, burst), Date.now());
      for (const pod of surplus) expectations.deleting(key, pod.metadata?.uid ?? '');
      const results = await Promise.allSettled(surplus.map((pod) => deletePod(key, replicaSet, pod)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  async function createPod(key: string, replicaSet: ReplicaSet): Promise<void> {
    try {
      const pod = await client.create(resources.pods, podOf(replicaSet));
      const uid = pod.metadata?.uid ?? '';
      // The watch may have been quicker than the answer.
      if (informers.pods.store.get(keyOf(pod))?.metadata?.uid !== uid) expectations.created(key, uid);
      recorder.event(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name}`);
    } catch (error) {
      if (isNamespaceEnding(error)) return;
      const message = `Error creating: ${error instanceof Error ? error.message : String(error)}`;
      recorder.event(replicaSet, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }

  async function deletePod(key: string, replicaSet: ReplicaSet, pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    try {
      await client.delete(resources.pods, { name, namespace }, { preconditions: { uid } });
      recorder.event(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      expectations.observed(key, uid);
      if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) return;
      const message = `Error deleting: ${error instanceof Error ? error.message : String(error)}`;
      recorder.event(replicaSet, 'Warning', 'FailedDelete', message);
      throw error;
    }
  }

  /** The pods of all ReplicaSets of the same Deployment. */
  function* relatedPods(replicaSet: ReplicaSet): Iterable<Pod> {
    const owner = controllerOf(replicaSet);
    const siblings = owner ? replicaSetsByOwner.get(owner.uid) : [replicaSet];
    for (const sibling of siblings) yield* podsByOwner.get(sibling.metadata?.uid ?? '');
  }
};

/** The pod a ReplicaSet creates. Upstream: GetPodFromTemplate. */
export function podOf(replicaSet: ReplicaSet): Pod {
  const { name = '', namespace = '' } = replicaSet.metadata ?? {};
  const { metadata, spec } = replicaSet.spec?.template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-`,
      namespace,
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [controllerReference(replicaSet)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** Upstream begins with one; a usual Deployment is whole a round earlier this way. */
const firstBatch = 4;

/**
 * Calls `create` so many times, in batches of 4, 8, 16 …, the next only when the last one succeeded:
 * what cannot be created at all does not flood the API. Upstream: slowStartBatch.
 */
export async function slowStart(count: number, create: () => Promise<void>): Promise<void> {
  for (let size = firstBatch; count > 0; size *= 2) {
    const batch = Math.min(size, count);
    const results = await Promise.allSettled(Array.from({ length: batch }, create));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    count -= batch;
  }
}

/** Counts the pods; `requeueAfter` (ms) is when the next one becomes available by age. */
export function calculateStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: unknown,
  now: Date,
): { status: ReplicaSetStatus; requeueAfter: number | undefined } {
  const templateLabels = replicaSet.spec?.template?.metadata?.labels ?? {};
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const waits = pods.map((pod) => untilAvailable(pod, minReadySeconds, now.getTime()));
  const pending = waits.filter((wait) => wait !== undefined && wait > 0) as number[];
  const counts = {
    fullyLabeledReplicas: pods.filter((pod) => matchesSelector(templateLabels, pod.metadata?.labels)).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: waits.filter((wait) => wait === 0).length,
  };
  const others = (replicaSet.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  const known = replicaSet.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const conditions =
    failure === undefined
      ? others
      : [
          ...others,
          known ?? {
            type: 'ReplicaFailure',
            status: 'True',
            lastTransitionTime: timestamp(now),
            reason: pods.length < (replicaSet.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete',
            message: failure instanceof Error ? failure.message : String(failure),
          },
        ];
  return {
    status: {
      replicas: pods.length,
      ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
      observedGeneration: replicaSet.metadata?.generation ?? 0,
      ...(conditions.length > 0 ? { conditions } : {}),
    },
    requeueAfter: pending.length > 0 ? Math.min(...pending) + 1 : undefined,
  };
}
