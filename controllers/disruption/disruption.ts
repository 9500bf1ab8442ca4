import type { Informer } from '../../api/informer.ts';
import { controllerOf, type KubeObject, keyOf, matchesLabelSelector } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import type { OwnerReference, Pod, PodDisruptionBudget } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, namespaceOf, sameJson } from '../lookup.ts';
import { untilSeen } from '../seen.ts';
import { budgetStatus } from './budget.ts';

/** Keeps PodDisruptionBudgets' counts, which evictions are granted by. Upstream: `pkg/controller/disruption`. */
export const startDisruptionController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('controllermanager');
  const podsByNamespace = createIndex(informers.pods, namespaceOf);
  const budgetsByNamespace = createIndex(informers.poddisruptionbudgets, namespaceOf);
  const queue = context.reconciler('disruption', reconcile);

  informers.poddisruptionbudgets.onChange(({ key }) => queue.enqueue(key));
  informers.pods.onChange(({ object, old }) => {
    for (const budget of budgetsByNamespace.get(object.metadata?.namespace ?? '')) {
      if (isMeant(budget, object) || (old && isMeant(budget, old))) queue.enqueue(keyOf(budget));
    }
  });
  const scaled: Informer<Scaled>[] = [informers.deployments, informers.replicasets, informers.statefulsets];
  for (const informer of scaled) {
    informer.onChange(({ object, old }) => {
      if (old?.spec?.replicas === object.spec?.replicas) return;
      for (const budget of budgetsByNamespace.get(object.metadata?.namespace ?? ''))
        queue.enqueue(keyOf(budget));
    });
  }
  for (const key of informers.poddisruptionbudgets.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const budget = informers.poddisruptionbudgets.store.get(key);
    if (!budget) return undefined;
    const pods = [...podsByNamespace.get(budget.metadata?.namespace ?? '')].filter((pod) =>
      isMeant(budget, pod),
    );
    if (pods.length === 0) recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const expected = expectedPods(budget, pods);
    if (expected instanceof Error) {
      const message = `Failed to calculate the number of expected pods: ${expected.message}`;
      recorder.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
    }
    const { status, requeueAfter } = budgetStatus(budget, pods, expected, new Date());
    if (!sameJson(status, budget.status)) {
      const written = await client.update(resources.poddisruptionbudgets, { ...budget, status }, 'status');
      await untilSeen(informers.poddisruptionbudgets, written);
    }
    return requeueAfter === undefined ? undefined : { requeueAfter };
  }

  /** A plain number of pods to keep counts the pods there are, everything else those that are wanted. */
  function expectedPods({ spec }: PodDisruptionBudget, pods: readonly Pod[]): number | Error {
    if (spec?.maxUnavailable === undefined && typeof spec?.minAvailable !== 'string') return pods.length;
    const scales = new Map<string, number>();
    for (const pod of pods) {
      const scale = scaleOf(pod);
      if (!scale) {
        return new Error(`found no controllers for pod ${JSON.stringify(pod.metadata?.name)}`);
      }
      scales.set(scale.uid, scale.replicas);
    }
    return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  }

  /** The size of what controls a pod, the Deployment rather than its ReplicaSet. */
  function scaleOf(pod: Pod): { uid: string; replicas: number } | undefined {
    const { namespace = '' } = pod.metadata ?? {};
    let owner = controllerOf(pod);
    let found: Scaled | undefined;
    for (let depth = 0; owner && depth < 2; depth++) {
      const next = find(owner, namespace);
      if (!next) break;
      found = next;
      owner = controllerOf(next);
    }
    return found && { uid: found.metadata?.uid ?? '', replicas: found.spec?.replicas ?? 1 };
  }

  function find({ kind, name, uid }: OwnerReference, namespace: string): Scaled | undefined {
    const informer = scaled.find(({ resource }) => resource.kind === kind);
    const object = informer?.store.get(`${namespace}/${name}`);
    return object?.metadata?.uid === uid ? object : undefined;
  }
};

interface Scaled extends KubeObject {
  spec?: { replicas?: number };
}

/** An empty selector means every pod of the namespace, an absent one none. */
function isMeant({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean {
  return (
    metadata?.namespace === pod.metadata?.namespace &&
    matchesLabelSelector(spec?.selector, pod.metadata?.labels)
  );
}
