import type { Job, JobCondition, Pod } from '../../api/types.ts';
import { parseIndexes } from './indexes.ts';
import { isIndexed } from './pods.ts';
import type { Tally } from './tally.ts';

/** How a Job ends, or undefined while it goes on. */
export interface Outcome {
  type: 'Complete' | 'Failed';
  reason: string;
  message: string;
}

/** Upstream: syncJob in `pkg/controller/job/job_controller.go`. `now` in milliseconds since the epoch. */
export function outcomeOf(job: Job, pods: readonly Pod[], tally: Tally, now: number): Outcome | undefined {
  const { spec } = job;
  const target = conditionOf(job, 'FailureTarget');
  const met = conditionOf(job, 'SuccessCriteriaMet');
  const failed = (reason: string, message: string): Outcome => ({ type: 'Failed', reason, message });
  if (target) return failed(target.reason ?? '', target.message ?? '');
  if (met) return { type: 'Complete', reason: met.reason ?? '', message: met.message ?? '' };
  if (tally.fatal !== undefined) return failed('PodFailurePolicy', tally.fatal);
  const limit = spec?.backoffLimit ?? 6;
  if (tally.failed > limit || restartsExceed(job, pods, limit)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (untilDeadline(job, now) === 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  const { maxFailedIndexes, completions } = spec ?? {};
  if (maxFailedIndexes !== undefined && tally.failedIndexes.size > maxFailedIndexes) {
    return failed(
      'MaxFailedIndexesExceeded',
      'Job has exceeded the specified maximal number of failed indexes',
    );
  }
  const rule = matchedRule(job, tally.succeededIndexes);
  if (rule !== undefined) {
    return { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
  }
  const isDone =
    completions === undefined
      ? tally.succeeded > 0 && tally.active.length === 0
      : tally.succeeded + tally.failedIndexes.size >= completions;
  if (!isDone) return undefined;
  if (tally.failedIndexes.size > 0) return failed('FailedIndexes', 'Job has failed indexes');
  return {
    type: 'Complete',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
}

/** Which rule of `spec.successPolicy` the indexes that succeeded fulfil. Upstream: `pkg/controller/job/success_policy.go`. */
function matchedRule({ spec }: Job, succeeded: ReadonlySet<number>): number | undefined {
  const rules = spec?.successPolicy?.rules ?? [];
  if (succeeded.size === 0) return undefined;
  const index = rules.findIndex(({ succeededCount, succeededIndexes }) => {
    if (succeededIndexes === undefined) return succeeded.size >= (succeededCount ?? Number.POSITIVE_INFINITY);
    const required = parseIndexes(succeededIndexes);
    const there = [...required].filter((one) => succeeded.has(one)).length;
    return required.size > 0 && there >= (succeededCount ?? required.size);
  });
  return index < 0 ? undefined : index;
}

/** Milliseconds until `activeDeadlineSeconds`, 0 when it has passed; undefined without one. */
export function untilDeadline({ spec, status }: Job, now: number): number | undefined {
  const { activeDeadlineSeconds: seconds, suspend } = spec ?? {};
  if (seconds === undefined || suspend || !status?.startTime) return undefined;
  return Math.max(0, Date.parse(status.startTime) + seconds * 1000 - now);
}

/** Containers that restart in their pod count too. Upstream: pastBackoffLimitOnFailure. */
function restartsExceed({ spec }: Job, pods: readonly Pod[], limit: number): boolean {
  if (spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  const running = pods.filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending');
  const restarts = running.flatMap(({ status }) => [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]);
  const sum = restarts.reduce((total, { restartCount }) => total + restartCount, 0);
  return limit === 0 ? sum > 0 : sum >= limit;
}

/** How many pods should run now. Upstream: manageJob. */
export function wantedActive(job: Job, tally: Tally): number {
  const { parallelism = 1, completions, suspend } = job.spec ?? {};
  if (suspend) return 0;
  // A work queue: nothing new once one pod says that the work is done.
  if (completions === undefined)
    return tally.succeeded > 0 ? Math.min(tally.active.length, parallelism) : parallelism;
  const left = completions - tally.succeeded - (isIndexed(job) ? tally.failedIndexes.size : 0);
  return Math.max(0, Math.min(parallelism, left));
}

/** Milliseconds until another pod may be made: 10 s after a failure, then 20 s, 40 s … `first` in ms. */
export function backoffLeft(tally: Tally, first: number, now: number): number {
  if (tally.failureTimes.length === 0) return 0;
  const longest = 600_000;
  const delay = Math.min(first * 2 ** (Math.max(1, tally.failed) - 1), longest);
  return Math.max(0, Math.max(...tally.failureTimes) + delay - now);
}

/** The condition of that type, if it is true. */
export function conditionOf({ status }: Job, type: string): JobCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

export const isFinished = (job: Job): boolean =>
  conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined;
