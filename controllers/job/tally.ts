import type { Job, Pod } from '../../api/types.ts';
import { isPodActive, isPodReady } from '../pod.ts';
import { judgeFailure } from './failure-policy.ts';
import { failuresBefore, formatIndexes, indexOf, parseIndexes } from './indexes.ts';
import { hasFailed, isIndexed, isTerminating, isTracked } from './pods.ts';

/**
 * The state of a Job after all its pods are counted, each exactly once: those that ended stand by UID in
 * `uncounted` until their finalizer is gone, and only then in the numbers. Upstream:
 * `trackJobStatusAndRemoveFinalizers` in `pkg/controller/job/job_controller.go` (KEP-2307).
 */
export interface Tally {
  active: Pod[];
  terminating: Pod[];
  ready: number;
  succeeded: number;
  failed: number;
  /** Of the above, those still listed by UID in the status. */
  uncounted: { succeeded: string[]; failed: string[] };
  /** Pods whose finalizer may go once the status that lists them is stored. */
  release: Pod[];
  succeededIndexes: ReadonlySet<number>;
  failedIndexes: ReadonlySet<number>;
  /** A pod whose failure ends the whole Job, and why. */
  fatal: string | undefined;
  /** When pods that count as failures ended (ms), for the back-off. */
  failureTimes: number[];
}

export function tally(job: Job, pods: readonly Pod[]): Tally {
  const { status = {}, spec } = job;
  const byUid = new Map(pods.map((pod) => [pod.metadata?.uid ?? '', pod]));
  const indexed = isIndexed(job);
  const succeededIndexes = parseIndexes(indexed ? status.completedIndexes : undefined);
  const failedIndexes = parseIndexes(indexed ? status.failedIndexes : undefined);
  const listed = status.uncountedTerminatedPods ?? {};
  const stillHeld = (uid: string) => {
    const pod = byUid.get(uid);
    return pod !== undefined && isTracked(pod);
  };
  const counted = (uids: string[] = []) => uids.filter((uid) => !stillHeld(uid)).length;
  const uncounted = {
    succeeded: (listed.succeeded ?? []).filter(stillHeld),
    failed: (listed.failed ?? []).filter(stillHeld),
  };
  const totals = {
    succeeded: (status.succeeded ?? 0) + (indexed ? 0 : counted(listed.succeeded)),
    failed: (status.failed ?? 0) + counted(listed.failed),
  };
  const known = new Set([...uncounted.succeeded, ...uncounted.failed]);
  const release = pods.filter(({ metadata }) => known.has(metadata?.uid ?? ''));
  const failureTimes = pods
    .filter((pod) => hasFailed(job, pod) && judgeFailure(job, pod).action !== 'Ignore')
    .map(endOf);
  let fatal: string | undefined;

  for (const pod of pods.filter(isTracked)) {
    const { uid = '' } = pod.metadata ?? {};
    const index = indexOf(pod);
    const fails = hasFailed(job, pod);
    if (!fails && pod.status?.phase !== 'Succeeded') continue;
    const verdict = fails ? judgeFailure(job, pod) : undefined;
    if (verdict?.action === 'FailJob') fatal ??= verdict.message;
    if (known.has(uid)) continue;
    const outside = indexed && (index < 0 || index >= (spec?.completions ?? 0));
    if (fails) {
      const { backoffLimitPerIndex: limit } = spec ?? {};
      const isLast = limit !== undefined && failuresBefore(pod) >= limit && verdict?.action !== 'Ignore';
      if (indexed && !outside && (isLast || verdict?.action === 'FailIndex')) failedIndexes.add(index);
      if (verdict?.action !== 'Ignore') uncounted.failed.push(uid);
      else release.push(pod);
    } else if (indexed) {
      if (!outside) succeededIndexes.add(index);
      release.push(pod);
    } else uncounted.succeeded.push(uid);
    if (!release.includes(pod)) release.push(pod);
  }
  const active = pods.filter((pod) => isPodActive(pod));
  return {
    active,
    terminating: pods.filter(isTerminating),
    ready: active.filter(isPodReady).length,
    succeeded: indexed ? succeededIndexes.size : totals.succeeded + uncounted.succeeded.length,
    failed: totals.failed + uncounted.failed.length,
    uncounted,
    release,
    succeededIndexes,
    failedIndexes,
    fatal,
    failureTimes,
  };
}

/** The counting part of the status; numbers leave out what is listed by UID. */
export function tallyStatus(job: Job, of: Tally) {
  const indexed = isIndexed(job);
  const { uncounted } = of;
  return {
    active: of.active.length,
    ready: of.ready,
    terminating: of.terminating.length,
    succeeded: of.succeeded - (indexed ? 0 : uncounted.succeeded.length),
    failed: of.failed - uncounted.failed.length,
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 ? { succeeded: uncounted.succeeded } : {}),
      ...(uncounted.failed.length > 0 ? { failed: uncounted.failed } : {}),
    },
    ...(indexed ? { completedIndexes: formatIndexes(of.succeededIndexes) } : {}),
    ...(indexed && job.spec?.backoffLimitPerIndex !== undefined
      ? { failedIndexes: formatIndexes(of.failedIndexes) }
      : {}),
  };
}

function endOf(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ''),
  );
  const known = ends.filter((time) => !Number.isNaN(time));
  return known.length > 0
    ? Math.max(...known)
    : Date.parse(pod.metadata?.deletionTimestamp ?? pod.status?.startTime ?? '') || 0;
}
