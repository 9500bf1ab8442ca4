import { parseCron } from '../../api/cron.ts';
import type { CronJob } from '../../api/types.ts';

/** When a CronJob should have run last, and when it runs next, in milliseconds since the epoch. */
export interface Timing {
  /** The last time that was missed; undefined when none was. */
  due: number | undefined;
  next: number | undefined;
  /** Whether more than a hundred times were missed, which tells of a broken clock. */
  missedMany: boolean;
}

const many = 100;

/**
 * Upstream: `nextScheduleTime` and `mostRecentScheduleTime` in `pkg/controller/cronjob/utils.go`.
 * @throws Error for a schedule that cannot be read
 */
export function timingOf(cronJob: CronJob, now: number): Timing {
  const { schedule: text = '', timeZone, startingDeadlineSeconds: deadline } = cronJob.spec ?? {};
  const schedule = parseCron(text, timeZone);
  const { creationTimestamp = '' } = cronJob.metadata ?? {};
  const last = Date.parse(cronJob.status?.lastScheduleTime ?? creationTimestamp);
  const since = deadline === undefined ? last : Math.max(last, now - deadline * 1000);
  const next = schedule.next(now);
  let due: number | undefined;
  let missed = 0;
  for (let time = schedule.next(since); time !== undefined && time <= now; time = schedule.next(time)) {
    due = time;
    missed += 1;
    if (missed > many) return { due: lastBefore(now), next, missedMany: true };
  }
  return { due, next, missedMany: false };

  /** Looks back twice as far each time: what matters is only the last one. */
  function lastBefore(limit: number): number | undefined {
    for (let span = 60_000; ; span *= 2) {
      let found: number | undefined;
      for (
        let time = schedule.next(limit - span);
        time !== undefined && time <= limit;
        time = schedule.next(time)
      ) {
        found = time;
      }
      if (found !== undefined || limit - span < since) return found;
    }
  }
}
