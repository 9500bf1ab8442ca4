import type { Job, JobCondition } from '../../api/types.ts';
import { timestamp } from '../pod.ts';
import { conditionOf, type Outcome } from './decide.ts';
import type { Tally } from './tally.ts';

export interface JobEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/**
 * The conditions after a look at the Job, and what is new about them. That it will end is said at once
 * (`FailureTarget`, `SuccessCriteriaMet`), that it has ended when the last pod is gone and counted. Upstream: KEP-3998.
 */
export function conditionsAfter(
  job: Job,
  tally: Tally,
  outcome: Outcome | undefined,
  now: Date,
): { conditions: JobCondition[]; events: JobEvent[] } {
  let conditions = job.status?.conditions ?? [];
  const events: JobEvent[] = [];
  const set = (type: string, status: 'True' | 'False', reason: string, message: string): boolean => {
    const known = conditions.find((one) => one.type === type);
    if (known?.status === status) return false;
    const time = timestamp(now);
    const condition = { type, status, reason, message, lastProbeTime: time, lastTransitionTime: time };
    conditions = [...conditions.filter((one) => one.type !== type), condition];
    return true;
  };

  if (outcome) {
    const { type, reason, message } = outcome;
    set(type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet', 'True', reason, message);
    const uncounted = tally.uncounted.succeeded.length + tally.uncounted.failed.length;
    const isOver = tally.active.length + tally.terminating.length + uncounted === 0;
    if (isOver && set(type, 'True', reason, message)) {
      events.push(
        type === 'Complete'
          ? { type: 'Normal', reason: 'Completed', message: 'Job completed' }
          : { type: 'Warning', reason, message },
      );
    }
    return { conditions, events };
  }
  if (job.spec?.suspend) {
    if (set('Suspended', 'True', 'JobSuspended', 'Job suspended')) {
      events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
    }
  } else if (conditionOf(job, 'Suspended') && set('Suspended', 'False', 'JobResumed', 'Job resumed')) {
    events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
  }
  return { conditions, events };
}
