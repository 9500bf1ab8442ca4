import { controllerReference } from '../../api/object.ts';
import type { CronJob, Job, ObjectReference } from '../../api/types.ts';
import { conditionOf } from '../job/decide.ts';
import { timestamp } from '../pod.ts';

/** The Job of one time: its name counts the minutes, so that none is started twice. Upstream: getJobFromTemplate2. */
export function jobAt(cronJob: CronJob, time: number): Job {
  const { name = '', namespace = '' } = cronJob.metadata ?? {};
  const { metadata, spec } = cronJob.spec?.jobTemplate ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name}-${Math.floor(time / 60_000)}`,
      namespace,
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: {
        ...metadata?.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': timestamp(new Date(time)),
      },
      ownerReferences: [controllerReference(cronJob)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** What `status.active` names a Job by. */
export function referenceTo({ metadata }: Job): ObjectReference {
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = metadata ?? {};
  return { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid, resourceVersion };
}

/** Finished Jobs beyond the limits of the history, oldest first. Upstream: cleanupFinishedJobs. */
export function beyondHistory(cronJob: CronJob, jobs: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit: successes, failedJobsHistoryLimit: failures } = cronJob.spec ?? {};
  const oldest = (type: 'Complete' | 'Failed', limit: number | undefined): Job[] => {
    if (limit === undefined) return [];
    const some = jobs.filter((job) => !job.metadata?.deletionTimestamp && conditionOf(job, type));
    const sorted = some.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
    return sorted.slice(0, Math.max(0, sorted.length - limit));
  };
  return [...oldest('Complete', successes), ...oldest('Failed', failures)];
}

/** How a finished Job ended. */
export const endingOf = (job: Job): string => (conditionOf(job, 'Complete') ? 'Complete' : 'Failed');

const startOf = ({ metadata, status }: Job): string => `${status?.startTime ?? ''} ${metadata?.name}`;
