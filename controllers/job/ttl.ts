import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Job } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { isFinished } from './decide.ts';

/** Deletes finished Jobs after `ttlSecondsAfterFinished`, their pods with them. Upstream: `pkg/controller/ttlafterfinished`. */
export const startTtlAfterFinishedController: Controller = ({ client, informers, reconciler }) => {
  const queue = reconciler('ttl-after-finished', reconcile);
  informers.jobs.onChange(({ key, object }) => {
    if (endOf(object) !== undefined) queue.enqueue(key);
  });
  for (const [key, job] of informers.jobs.store) if (endOf(job) !== undefined) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const job = informers.jobs.store.get(key);
    const end = job && endOf(job);
    if (!job || end === undefined) return undefined;
    const wait = end - Date.now();
    if (wait > 0) return { requeueAfter: Math.min(wait, 2 ** 31 - 1) };
    const { name = '', namespace = '', uid = '' } = job.metadata ?? {};
    try {
      const options = { propagationPolicy: 'Foreground', preconditions: { uid } };
      await client.delete(resources.jobs, { name, namespace }, options);
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
    return undefined;
  }
};

/** When (ms since the epoch) a Job may go; undefined for one that runs, has no limit, or is going. */
function endOf(job: Job): number | undefined {
  const { ttlSecondsAfterFinished: seconds } = job.spec ?? {};
  if (seconds === undefined || job.metadata?.deletionTimestamp || !isFinished(job)) return undefined;
  const finished = job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  return Date.parse(finished?.lastTransitionTime ?? '') + seconds * 1000;
}
