import type { CronJob, Job } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { humanDuration, since } from '../duration.ts';
import { ageColumn, column, formatSelector, imagesOf, nameColumn, namesOf, wide } from './common.ts';
import { templateColumns } from './workloads.ts';

/** Columns of Jobs. Upstream: `printJob` in `pkg/printers/internalversion/printers.go`. */
export const jobColumns: readonly Column<Job>[] = [
  nameColumn,
  column('Status', 'What has become of it.', statusOf),
  column('Completions', 'Pods that succeeded, of those wanted.', completionsOf),
  column('Duration', 'How long it ran, or runs.', durationOf),
  ageColumn,
  ...templateColumns,
  wide('Selector', 'Selects the pods of this Job.', ({ spec }) => formatSelector(spec?.selector)),
];

function statusOf({ metadata, status }: Job): string {
  const has = (type: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True');
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata?.deletionTimestamp) return 'Terminating';
  if (has('Suspended')) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  if (has('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, now: number): string {
  if (!status?.startTime) return '';
  const end = status.completionTime ? Date.parse(status.completionTime) : now;
  return humanDuration(end - Date.parse(status.startTime));
}

/** Columns of CronJobs. */
export const cronJobColumns: readonly Column<CronJob>[] = [
  nameColumn,
  column('Schedule', 'When it runs, in Cron format.', ({ spec }) => spec?.schedule ?? ''),
  column('Timezone', 'The time zone of the schedule.', ({ spec }) => spec?.timeZone ?? '<none>'),
  column('Suspend', 'Whether no more Jobs are started.', ({ spec }) => (spec?.suspend ? 'True' : 'False')),
  column('Active', 'Jobs that run now.', ({ status }) => status?.active?.length ?? 0, 'integer'),
  column('Last Schedule', 'When a Job was started last.', ({ status }, now) =>
    status?.lastScheduleTime ? since(status.lastScheduleTime, now) : '<none>',
  ),
  ageColumn,
  wide('Containers', 'Names of each container in the template.', ({ spec }) =>
    namesOf(spec?.jobTemplate?.spec?.template?.spec?.containers),
  ),
  wide('Images', 'Images referenced by each container in the template.', ({ spec }) =>
    imagesOf(spec?.jobTemplate?.spec?.template?.spec?.containers),
  ),
  wide(
    'Selector',
    'Selects the pods of its Jobs.',
    ({ spec }) => formatSelector(spec?.jobTemplate?.spec?.selector) || '<none>',
  ),
];
