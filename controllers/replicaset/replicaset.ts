import type { Informer } from '../../api/informer.ts';
import { controllerOf } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/types.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { createIndex, matchesSelector, ownerUids, sameJson } from '../lookup.ts';
import { createOwnedPods } from '../owned-pods.ts';
import { isPodActive, isPodReady, timestamp, untilAvailable } from '../pod.ts';
import { createPodControl, podFromTemplate, settleAll, slowStart } from '../pod-control.ts';
import { untilSeen } from '../seen.ts';
import { createExpectations } from './expectations.ts';
import { podsToDelete } from './ranking.ts';

/** No ReplicaSet creates or deletes more pods in one go. */
const burst = 500;

/** Turns ReplicaSets into pods. Upstream: `pkg/controller/replicaset`. */
export const startReplicaSetController: Controller = (context) =>
  startReplicas(context, {
    owners: context.informers.replicasets,
    component: 'replicaset-controller',
    queue: 'replicaset',
    writeStatus: (replicaSet, status) =>
      context.client.update(resources.replicasets, { ...replicaSet, status }, 'status'),
  });

/** What is to be looked after, and under which names. */
export interface Replicas {
  owners: Informer<ReplicaSet>;
  /** Of Events. */
  component: string;
  queue: string;
  writeStatus(owner: ReplicaSet, status: ReplicaSetStatus): Promise<ReplicaSet>;
}

/** Keeps as many pods as each owner wants. */
export function startReplicas(context: ControllerContext, { owners, component, ...kind }: Replicas): void {
  const recorder = context.recorder(component);
  const expectations = createExpectations();
  const control = createPodControl(context, recorder, expectations);
  const replicaSetsByOwner = createIndex(owners, ownerUids);
  const queue = context.reconciler(kind.queue, reconcile);

  owners.onChange(({ key }) => queue.enqueue(key));
  const owned = createOwnedPods(context, owners, queue, expectations);
  for (const key of owners.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const replicaSet = owners.store.get(key);
    if (!replicaSet) {
      expectations.forget(key);
      return undefined;
    }
    const pods = await owned.claim(replicaSet, isPodActive);
    let failure: unknown;
    if (!replicaSet.metadata?.deletionTimestamp && expectations.satisfied(key)) {
      failure = await manage(key, replicaSet, pods).catch((error: unknown) => error);
    }
    const { status, requeueAfter } = calculateStatus(replicaSet, pods, failure, new Date());
    if (!sameJson(status, replicaSet.status)) {
      try {
        await untilSeen(owners, await kind.writeStatus(replicaSet, status));
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
      const created = Array.from({ length: Math.min(missing, burst) }, () => podOf(replicaSet));
      await slowStart(created, (pod) => control.create(key, replicaSet, pod));
    } else if (missing < 0) {
      const surplus = podsToDelete(pods, relatedPods(replicaSet), Math.min(-missing, burst), Date.now());
      await settleAll(surplus, (pod) => control.remove(key, replicaSet, pod));
    }
  }

  /** The pods of all ReplicaSets of the same Deployment. */
  function* relatedPods(replicaSet: ReplicaSet): Iterable<Pod> {
    const owner = controllerOf(replicaSet);
    const siblings = owner ? replicaSetsByOwner.get(owner.uid) : [replicaSet];
    for (const sibling of siblings) yield* owned.of(sibling.metadata?.uid ?? '');
  }
}

/** The pod a ReplicaSet creates. */
export function podOf(replicaSet: ReplicaSet): Pod {
  return podFromTemplate(replicaSet, replicaSet.spec?.template);
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
