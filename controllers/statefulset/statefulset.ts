import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createHistory, templateOf } from '../history/history.ts';
import { sameJson } from '../lookup.ts';
import { createOwnedPods } from '../owned-pods.ts';
import { createPodControl, settleAll, type Tell } from '../pod-control.ts';
import { createExpectations } from '../replicaset/expectations.ts';
import { untilSeen } from '../seen.ts';
import { claimsOf, withClaims } from './claims.ts';
import { planStatefulSet, type Step, statusOf, untilNextAvailable } from './plan.ts';
import { ordinalOf, revisionOf, statefulPod } from './pods.ts';

/** The two templates of a rollout, the same one when there is none. */
interface Rollout {
  current: ControllerRevision;
  update: ControllerRevision;
}

/** Turns StatefulSets into pods of stable names, in order. Upstream: `pkg/controller/statefulset`. */
export const startStatefulSetController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('statefulset-controller');
  const expectations = createExpectations();
  const control = createPodControl(context, recorder, expectations, tell);
  const history = createHistory(context, resources.statefulsets);
  const queue = context.reconciler('statefulset', reconcile);

  informers.statefulsets.onChange(({ key }) => queue.enqueue(key));
  const owned = createOwnedPods(context, informers.statefulsets, queue, expectations);
  for (const key of informers.statefulsets.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const set = informers.statefulsets.store.get(key);
    if (!set) {
      expectations.forget(key);
      return undefined;
    }
    if (!expectations.satisfied(key)) return undefined;
    const pods = (await owned.claim(set)).filter((pod) => ordinalOf(set, pod) >= 0);
    const revisions = await history.sync(set);
    const update = revisions.current;
    const current =
      revisions.all.find(({ metadata }) => metadata?.name === set.status?.currentRevision) ?? update;
    const rollout: Rollout = { current, update };
    const names = { current: current.metadata?.name ?? '', update: update.metadata?.name ?? '' };
    const now = Date.now();
    const status = statusOf(set, names, pods, revisions.collisionCount, now);
    if (!sameJson(status, set.status)) {
      const written = await client.update(resources.statefulsets, { ...set, status }, 'status');
      await untilSeen(informers.statefulsets, written);
    }
    if (set.metadata?.deletionTimestamp) return undefined;
    await settleAll(planStatefulSet(set, names, pods, now), (step) => take(key, set, rollout, step));
    const live = new Set([names.current, names.update, ...pods.map(revisionOf)]);
    await history.prune(set, revisions, ({ metadata }) => live.has(metadata?.name ?? ''));
    const requeueAfter = untilNextAvailable(set, pods, now);
    return requeueAfter === undefined ? undefined : { requeueAfter };
  }

  function take(key: string, set: StatefulSet, rollout: Rollout, step: Step): Promise<void> {
    if ('remove' in step) return remove(key, set, step);
    const revision = rollout[step.revision];
    const pod = statefulPod(set, templateOf(revision), step.create, revision.metadata?.name ?? '');
    return create(key, set, pod);
  }

  async function create(key: string, set: StatefulSet, pod: Pod): Promise<void> {
    for (const claim of claimsOf(set, pod)) await createClaim(set, pod, claim);
    await control.create(key, set, withClaims(set, pod));
  }

  /** A claim that is there from before is the pod's own: that is what it is for. */
  async function createClaim(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): Promise<void> {
    const tellOf = (problem?: string) =>
      `create Claim ${claim.metadata?.name} Pod ${pod.metadata?.name} in StatefulSet ${set.metadata?.name} ${problem === undefined ? 'success' : `failed error: ${problem}`}`;
    try {
      await client.create(resources.persistentvolumeclaims, claim);
      recorder.event(set, 'Normal', 'SuccessfulCreate', tellOf());
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) return;
      const text = error instanceof Error ? error.message : String(error);
      recorder.event(set, 'Warning', 'FailedCreate', tellOf(text));
      throw error;
    }
  }

  async function remove(key: string, set: StatefulSet, { remove: pod, why }: Extract<Step, { remove: Pod }>) {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    if (why === 'ended') {
      const [reason, word] =
        pod.status?.phase === 'Failed'
          ? ['RecreatingFailedPod', 'failed']
          : ['RecreatingTerminatedPod', 'terminated'];
      const message = `StatefulSet ${namespace}/${set.metadata?.name} is recreating ${word} Pod ${name}`;
      recorder.event(set, pod.status?.phase === 'Failed' ? 'Warning' : 'Normal', reason, message);
    }
    if (why === 'scaling') await giveClaims(set, pod);
    await control.remove(key, set, pod);
  }

  /** Claims that are to go when the set shrinks belong to the pod that goes first. Upstream: UpdatePodClaimForRetentionPolicy. */
  async function giveClaims(set: StatefulSet, pod: Pod): Promise<void> {
    if (set.spec?.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return;
    const { name = '', uid = '' } = pod.metadata ?? {};
    const owner = { apiVersion: 'v1', kind: 'Pod', name, uid };
    for (const { metadata } of claimsOf(set, pod)) {
      const ref = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' };
      const claim = informers.persistentvolumeclaims.store.get(`${ref.namespace}/${ref.name}`);
      if (!claim) continue;
      const others = (claim.metadata?.ownerReferences ?? []).filter((one) => one.uid !== set.metadata?.uid);
      if (others.some((one) => one.uid === uid)) continue;
      const ownerReferences = [...others, owner];
      await client.patch(resources.persistentvolumeclaims, ref, 'merge', { metadata: { ownerReferences } });
    }
  }
};

const tell: Tell = (verb, owner, pod, problem) =>
  `${verb} Pod ${pod} in StatefulSet ${owner.metadata?.name} ${problem === undefined ? 'successful' : `failed error: ${problem}`}`;
