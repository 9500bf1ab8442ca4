import { controllerOf } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { CronJob, CronJobStatus, Job } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { isNamespaceEnding } from '../events.ts';
import { isFinished } from '../job/decide.ts';
import { createIndex, ownerUids, sameJson } from '../lookup.ts';
import { timestamp } from '../pod.ts';
import { settleAll } from '../pod-control.ts';
import { untilGone, untilSeen } from '../seen.ts';
import { beyondHistory, endingOf, jobAt, referenceTo } from './jobs.ts';
import { type Timing, timingOf } from './schedule.ts';

/** No timer of Node.js is longer. */
const longestWait = 2 ** 31 - 1;

/** Starts Jobs when their time has come. Upstream: `pkg/controller/cronjob`. */
export const startCronJobController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('cronjob-controller');
  const jobsByOwner = createIndex(informers.jobs, ownerUids);
  const queue = context.reconciler('cronjob', reconcile);

  informers.cronjobs.onChange(({ key }) => queue.enqueue(key));
  informers.jobs.onChange(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'CronJob') queue.enqueue(`${object.metadata?.namespace}/${owner.name}`);
  });
  for (const key of informers.cronjobs.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const cronJob = informers.cronjobs.store.get(key);
    if (!cronJob) return undefined;
    const jobs = [...jobsByOwner.get(cronJob.metadata?.uid ?? '')].filter(
      (job) => controllerOf(job)?.uid === cronJob.metadata?.uid,
    );
    await settleAll(beyondHistory(cronJob, jobs), (job) => remove(cronJob, job));
    const status = observe(cronJob, jobs);
    const now = Date.now();
    const timing =
      cronJob.metadata?.deletionTimestamp || cronJob.spec?.suspend ? undefined : read(cronJob, now);
    if (timing?.due !== undefined) await start(cronJob, jobs, status, timing.due, now);
    if (timing?.missedMany) {
      const message =
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      recorder.event(cronJob, 'Warning', 'TooManyMissedTimes', message);
    }
    if (!sameJson(status, cronJob.status)) {
      const written = await client.update(resources.cronjobs, { ...cronJob, status }, 'status');
      await untilSeen(informers.cronjobs, written);
    }
    if (timing?.next === undefined) return undefined;
    return { requeueAfter: Math.min(Math.max(1, timing.next - Date.now()), longestWait) };
  }

  function read(cronJob: CronJob, now: number): Timing | undefined {
    try {
      return timingOf(cronJob, now);
    } catch (error) {
      const { schedule } = cronJob.spec ?? {};
      const problem = error instanceof Error ? error.message : String(error);
      const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${problem}`;
      recorder.event(cronJob, 'Warning', 'UnparseableSchedule', message);
      return undefined;
    }
  }

  /** The status after what has become of the Jobs that ran. */
  function observe(cronJob: CronJob, jobs: readonly Job[]): CronJobStatus {
    const listed = cronJob.status?.active ?? [];
    const byUid = new Map(jobs.map((job) => [job.metadata?.uid, job]));
    let { lastSuccessfulTime } = cronJob.status ?? {};
    const active = listed.filter(({ uid, name }) => {
      const job = byUid.get(uid);
      if (job && !isFinished(job)) return true;
      if (job) {
        const message = `Saw completed job: ${name}, condition: ${endingOf(job)}`;
        recorder.event(cronJob, 'Normal', 'SawCompletedJob', message);
      } else recorder.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${name}`);
      return false;
    });
    for (const job of jobs) {
      const { completionTime } = job.status ?? {};
      if (completionTime && !(lastSuccessfulTime && lastSuccessfulTime >= completionTime)) {
        lastSuccessfulTime = completionTime;
      }
      if (isFinished(job) || listed.some(({ uid }) => uid === job.metadata?.uid)) continue;
      // Ours from before a restart; or made by hand, as `kubectl create job --from` does.
      if (job.metadata?.annotations?.['cronjob.kubernetes.io/instantiate'] === undefined)
        active.push(referenceTo(job));
    }
    const { lastScheduleTime } = cronJob.status ?? {};
    return {
      ...(active.length > 0 ? { active } : {}),
      ...(lastScheduleTime ? { lastScheduleTime } : {}),
      ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
    };
  }

  /** Starts the Job of the time `due`, as far as the concurrency policy lets it; notes it in `status`. */
  async function start(
    cronJob: CronJob,
    jobs: readonly Job[],
    status: CronJobStatus,
    due: number,
    now: number,
  ): Promise<void> {
    const { concurrencyPolicy, startingDeadlineSeconds: deadline } = cronJob.spec ?? {};
    if (deadline !== undefined && due + deadline * 1000 < now) {
      const message = `Missed scheduled time to start a job: ${new Date(due).toUTCString()}`;
      recorder.event(cronJob, 'Warning', 'MissSchedule', message);
      return;
    }
    const active = status.active ?? [];
    if (concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      recorder.event(cronJob, 'Normal', 'JobAlreadyActive', message);
      return;
    }
    if (concurrencyPolicy === 'Replace') {
      const replaced = jobs.filter((job) => active.some(({ uid }) => uid === job.metadata?.uid));
      await settleAll(replaced, (job) => remove(cronJob, job));
      delete status.active;
    }
    const wanted = jobAt(cronJob, due);
    const name = wanted.metadata?.name ?? '';
    try {
      const job = await client.create(resources.jobs, wanted);
      recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      status.active = [...(status.active ?? []), referenceTo(job)];
      await untilSeen(informers.jobs, job);
    } catch (error) {
      if (isNamespaceEnding(error)) return;
      // Started before the status could say so.
      if (!hasReason(error, 'AlreadyExists')) {
        const message = `Error creating job: ${error instanceof Error ? error.message : String(error)}`;
        recorder.event(cronJob, 'Warning', 'FailedCreate', message);
        throw error;
      }
    }
    status.lastScheduleTime = timestamp(new Date(due));
  }

  async function remove(cronJob: CronJob, job: Job): Promise<void> {
    const { name = '', namespace = '', uid = '' } = job.metadata ?? {};
    try {
      const options = { propagationPolicy: 'Background', preconditions: { uid } };
      await client.delete(resources.jobs, { name, namespace }, options);
      recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
      await untilGone(informers.jobs, job);
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }
};
