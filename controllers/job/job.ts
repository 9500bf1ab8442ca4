import { controllerOf } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Job, JobStatus, Pod } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { nonZero, sameJson } from '../lookup.ts';
import { createOwnedPods } from '../owned-pods.ts';
import { timestamp } from '../pod.ts';
import { createPodControl, settleAll, slowStart } from '../pod-control.ts';
import { createExpectations } from '../replicaset/expectations.ts';
import { podsToDelete } from '../replicaset/ranking.ts';
import { untilSeen } from '../seen.ts';
import { conditionsAfter } from './conditions.ts';
import { backoffLeft, isFinished, outcomeOf, untilDeadline, wantedActive } from './decide.ts';
import { failuresBefore, indexOf } from './indexes.ts';
import { isIndexed, isTracked, jobPod, trackingFinalizer } from './pods.ts';
import { type Tally, tally, tallyStatus } from './tally.ts';

/** No Job creates or deletes more pods in one go. */
const burst = 500;

/** Runs Jobs to completion. Upstream: `pkg/controller/job`. */
export const startJobController: Controller = (context) => {
  const { client, informers, settings } = context;
  const recorder = context.recorder('job-controller');
  const expectations = createExpectations();
  const control = createPodControl(context, recorder, expectations);
  const queue = context.reconciler('job', reconcile);
  const orphans = context.reconciler('job-orphans', releaseOrphan);

  informers.jobs.onChange(({ key, object, type }) => {
    queue.enqueue(key);
    if (type === 'deleted') for (const pod of owned.of(object.metadata?.uid ?? '')) enqueueOrphan(pod);
  });
  const owned = createOwnedPods(context, informers.jobs, queue, expectations);
  informers.pods.onChange(({ object }) => enqueueOrphan(object));
  for (const key of informers.jobs.store.keys()) queue.enqueue(key);
  for (const pod of informers.pods.store.values()) enqueueOrphan(pod);

  async function reconcile(key: string): Promise<Again | undefined> {
    const job = informers.jobs.store.get(key);
    if (!job) expectations.forget(key);
    if (!job || !expectations.satisfied(key)) return undefined;
    const pods = await owned.claim(job);
    if (isFinished(job)) {
      await settleAll(pods.filter(isTracked), release);
      return undefined;
    }
    const now = Date.now();
    const started = withStart(job, now);
    const count = tally(started, pods);
    const outcome = outcomeOf(started, pods, count, now);
    const isOver = outcome !== undefined || job.metadata?.deletionTimestamp !== undefined;
    const wanted = outcome ? 0 : wantedActive(started, count);
    const surplus = count.active.length - wanted;
    if (surplus > 0 && (outcome || !isOver)) await shrink(key, job, pods, count, surplus);
    await store(started, count, outcome, now);
    await settleAll(count.release, release);
    if (isOver) return undefined;
    const backoff = backoffLeft(count, settings.jobBackoffMs, now);
    if (surplus < 0 && backoff === 0) await grow(key, started, pods, count, -surplus);
    const waits = [untilDeadline(started, now) ?? 0, surplus < 0 ? backoff : 0].filter((wait) => wait > 0);
    return waits.length > 0 ? { requeueAfter: Math.min(...waits, 2 ** 31 - 2) + 1 } : undefined;
  }

  async function store(
    job: Job,
    count: Tally,
    outcome: ReturnType<typeof outcomeOf>,
    now: number,
  ): Promise<void> {
    const { conditions, events } = conditionsAfter(job, count, outcome, new Date(now));
    const { active, ready, terminating, succeeded, failed, ...lists } = tallyStatus(job, count);
    const isComplete = conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
    const { startTime, completionTime } = job.status ?? {};
    const status: JobStatus = {
      ...(startTime && !job.spec?.suspend ? { startTime } : {}),
      ...nonZero({ active, succeeded, failed }),
      ready,
      terminating,
      ...lists,
      ...(conditions.length > 0 ? { conditions } : {}),
      ...(isComplete ? { completionTime: completionTime ?? timestamp(new Date(now)) } : {}),
    };
    const known = informers.jobs.store.get(`${job.metadata?.namespace}/${job.metadata?.name}`)?.status;
    if (sameJson(status, known)) return;
    const written = await client.update(resources.jobs, { ...job, status }, 'status');
    for (const { type, reason, message } of events) recorder.event(job, type, reason, message);
    await untilSeen(informers.jobs, written);
  }

  async function shrink(
    key: string,
    job: Job,
    pods: readonly Pod[],
    count: Tally,
    surplus: number,
  ): Promise<void> {
    const doomed = podsToDelete(count.active, pods, Math.min(surplus, burst), Date.now());
    await settleAll(doomed, (pod) => control.remove(key, job, pod));
  }

  async function grow(
    key: string,
    job: Job,
    pods: readonly Pod[],
    count: Tally,
    missing: number,
  ): Promise<void> {
    const leaving = job.spec?.podReplacementPolicy === 'Failed' ? count.terminating.length : 0;
    const number = Math.min(missing - leaving, burst);
    if (number <= 0) return;
    const indexes = isIndexed(job)
      ? freeIndexes(job, count, number)
      : Array<undefined>(number).fill(undefined);
    await slowStart(indexes, (index) =>
      control.create(key, job, jobPod(job, index, failuresOf(pods, index))),
    );
  }

  async function release(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid, finalizers = [] } = pod.metadata ?? {};
    const left = finalizers.filter((one) => one !== trackingFinalizer);
    try {
      await client.patch(resources.pods, { name, namespace }, 'merge', {
        metadata: { uid, finalizers: left },
      });
    } catch (error) {
      // Gone, or another pod of the name: either way nobody holds it.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }

  /** A pod whose Job is gone is held by nobody else. */
  function enqueueOrphan(pod: Pod): void {
    if (!isTracked(pod)) return;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    if (!jobOf(pod)) orphans.enqueue(`${namespace}/${name}`);
  }

  async function releaseOrphan(key: string): Promise<void> {
    const pod = informers.pods.store.get(key);
    if (!pod || !isTracked(pod) || jobOf(pod)) return;
    const owner = controllerOf(pod);
    const { namespace = '' } = pod.metadata ?? {};
    // The cache may not show the Job yet.
    const live = owner && (await liveJob(owner.name, namespace));
    if (!live || live.metadata?.uid !== owner?.uid) await release(pod);
  }

  async function liveJob(name: string, namespace: string): Promise<Job | undefined> {
    try {
      return await client.get(resources.jobs, { name, namespace });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  function jobOf(pod: Pod): Job | undefined {
    const owner = controllerOf(pod);
    const job = owner && informers.jobs.store.get(`${pod.metadata?.namespace}/${owner.name}`);
    return job?.metadata?.uid === owner?.uid ? job : undefined;
  }
};

/** The clock of a Job runs from its first look at it that is not suspended. */
function withStart(job: Job, now: number): Job {
  if (job.status?.startTime || job.spec?.suspend) return job;
  return { ...job, status: { ...job.status, startTime: timestamp(new Date(now)) } };
}

/** The lowest indexes that have neither ended nor run. */
function freeIndexes(job: Job, count: Tally, number: number): number[] {
  const taken = new Set(
    [...count.active, ...(job.spec?.podReplacementPolicy === 'Failed' ? count.terminating : [])].map(indexOf),
  );
  const free: number[] = [];
  for (let index = 0; index < (job.spec?.completions ?? 0) && free.length < number; index++) {
    if (!taken.has(index) && !count.succeededIndexes.has(index) && !count.failedIndexes.has(index))
      free.push(index);
  }
  return free;
}

/** How often pods of an index have failed so far. */
function failuresOf(pods: readonly Pod[], index: number | undefined): number {
  if (index === undefined) return 0;
  const failed = pods.filter((pod) => indexOf(pod) === index && pod.status?.phase === 'Failed');
  return failed.length === 0 ? 0 : Math.max(...failed.map(failuresBefore)) + 1;
}
