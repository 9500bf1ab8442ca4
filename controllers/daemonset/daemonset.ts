import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import type { DaemonSet, Node, Pod } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createHistory, revisionLabel } from '../history/history.ts';
import { sameJson } from '../lookup.ts';
import { createOwnedPods } from '../owned-pods.ts';
import { untilAvailable } from '../pod.ts';
import { createPodControl, settleAll, slowStart } from '../pod-control.ts';
import { createExpectations } from '../replicaset/expectations.ts';
import { untilSeen } from '../seen.ts';
import { daemonPod } from './nodes.ts';
import { groupByNode, planNodes, planUpdate, statusOf } from './plan.ts';

/** No DaemonSet creates or deletes more pods in one go. */
const burst = 250;
/** A failed pod is replaced at once, and then each time after twice as long. */
const backoff = { first: 1_000, longest: 15 * 60_000 };

/** Keeps a pod on every node that is to have one. Upstream: `pkg/controller/daemon`. */
export const startDaemonSetController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('daemonset-controller');
  const expectations = createExpectations();
  const control = createPodControl(context, recorder, expectations);
  const history = createHistory(context, resources.daemonsets);
  const failures = createBackoff(Date.now);
  const queue = context.reconciler('daemonset', reconcile);

  informers.daemonsets.onChange(({ key }) => queue.enqueue(key));
  const owned = createOwnedPods(context, informers.daemonsets, queue, expectations);
  informers.nodes.onChange(({ object, old }) => {
    if (sameJson(placeOf(old), placeOf(object))) return;
    for (const key of informers.daemonsets.store.keys()) queue.enqueue(key);
  });
  for (const key of informers.daemonsets.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const set = informers.daemonsets.store.get(key);
    if (!set) {
      expectations.forget(key);
      return undefined;
    }
    if (set.metadata?.deletionTimestamp) return undefined;
    const revisions = await history.sync(set);
    const hash = revisions.current.metadata?.labels?.[revisionLabel] ?? '';
    const nodes = [...informers.nodes.store.values()];
    const pods = await owned.claim(set);
    const byNode = groupByNode(pods);
    const now = Date.now();
    let retryAfter = Number.POSITIVE_INFINITY;
    if (expectations.satisfied(key)) {
      const plan = planNodes(set, nodes, byNode, hash);
      const held = new Map(plan.failed.map((pod) => [pod, failures.wait(pod)]));
      const removed = plan.remove.filter((pod) => !held.get(pod));
      for (const [pod, wait] of held) {
        if (wait > 0) retryAfter = Math.min(retryAfter, wait);
        else report(set, pod);
      }
      await replace(key, set, hash, plan.create, removed);
      if (plan.create.length + removed.length === 0) {
        const update = planUpdate(set, nodes, byNode, hash, now);
        await replace(key, set, hash, update.create, update.remove);
      }
      const live = new Set(pods.map(({ metadata }) => metadata?.labels?.[revisionLabel]));
      await history.prune(set, revisions, ({ metadata }) => live.has(metadata?.labels?.[revisionLabel]));
    }
    const status = statusOf(set, nodes, byNode, hash, revisions.collisionCount, now);
    if (!sameJson(status, set.status)) {
      const written = await client.update(resources.daemonsets, { ...set, status }, 'status');
      await untilSeen(informers.daemonsets, written);
    }
    const waits = pods.map((pod) => untilAvailable(pod, set.spec?.minReadySeconds ?? 0, now) ?? 0);
    const next = Math.min(...waits.filter((wait) => wait > 0), retryAfter);
    return Number.isFinite(next) ? { requeueAfter: next + 1 } : undefined;
  }

  async function replace(
    key: string,
    set: DaemonSet,
    hash: string,
    create: readonly string[],
    remove: readonly Pod[],
  ): Promise<void> {
    await settleAll(remove.slice(0, burst), (pod) => control.remove(key, set, pod));
    await slowStart(create.slice(0, burst), (node) =>
      control.create(key, set, daemonPod(set, node, { [revisionLabel]: hash })),
    );
  }

  function report(set: DaemonSet, pod: Pod): void {
    failures.note(pod);
    const { name, namespace } = pod.metadata ?? {};
    const message = `Found failed daemon pod ${namespace}/${name} on node ${pod.spec?.nodeName}, will try to kill it`;
    recorder.event(set, 'Warning', 'FailedDaemonPod', message);
  }
};

/** What of a node can change whether it is to have a pod. */
function placeOf(node: Node | undefined): unknown {
  return node && [node.metadata?.labels, node.spec?.taints, node.spec?.unschedulable];
}

/** How long the replacement of a failed pod waits, by the set and node it is of. */
function createBackoff(now: () => number) {
  const known = new Map<string, { at: number; delay: number }>();
  const keyOf = ({ metadata, spec }: Pod) => `${metadata?.ownerReferences?.[0]?.uid}/${spec?.nodeName}`;
  return {
    wait(pod: Pod): number {
      const last = known.get(keyOf(pod));
      return last ? Math.max(0, last.at + last.delay - now()) : 0;
    },
    note(pod: Pod): void {
      const last = known.get(keyOf(pod));
      // Twice the longest delay without a failure: forgiven.
      const isOld = !last || now() - last.at > 2 * backoff.longest;
      const delay = isOld ? backoff.first : Math.min(last.delay * 2, backoff.longest);
      known.set(keyOf(pod), { at: now(), delay });
    },
  };
}
