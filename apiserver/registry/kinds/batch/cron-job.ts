import { isTimeZone, parseCron } from '../../../../api/cron.ts';
import { resources } from '../../../../api/scheme.ts';
import type { CronJob, CronJobSpec } from '../../../../api/types.ts';
import { cronJobColumns } from '../../../table/columns/batch.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { setPodSpecDefaults } from '../pod/defaults.ts';
import { invalid, nonNegative, oneOf, required } from '../validation/field.ts';
import { validateJobSpec } from './validate-job.ts';

/** A Job's name has eleven characters more, and 63 in all. */
const longestName = 52;

/** Upstream: `pkg/apis/batch/v1/defaults.go`, `ValidateCronJobCreate` in `pkg/apis/batch/validation/validation.go`. */
export const cronJobStrategy: Strategy<CronJob> = {
  resource: resources.cronjobs,
  defaults({ spec }) {
    if (!spec) return;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    const pod = spec.jobTemplate?.spec?.template?.spec;
    if (pod) setPodSpecDefaults(pod);
  },
  prepare(cronJob, old) {
    cronJob.status = old?.status ?? {};
  },
  validate({ metadata, spec }, old) {
    const { name = '' } = metadata ?? {};
    const tooLong = !old && name.length > longestName;
    return [
      ...(tooLong ? [invalid('metadata.name', name, `must be no more than ${longestName} characters`)] : []),
      ...validateSpec(spec ?? {}),
    ];
  },
  columns: cronJobColumns,
};

function validateSpec(spec: Partial<CronJobSpec>): FieldError[] {
  return [
    ...validateSchedule(spec),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
    ...validateJobSpec('spec.jobTemplate.spec', spec.jobTemplate?.spec, false),
  ];
}

function validateSchedule({ schedule, timeZone }: Partial<CronJobSpec>): FieldError[] {
  if (!schedule) return [required('spec.schedule')];
  if (/TZ/.test(schedule)) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    return [invalid('spec.schedule', schedule, detail)];
  }
  const errors: FieldError[] = [];
  try {
    parseCron(schedule);
  } catch (error) {
    errors.push(invalid('spec.schedule', schedule, error instanceof Error ? error.message : String(error)));
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const detail =
      timeZone === '' ? 'timeZone must be nil or non-empty string' : `unknown time zone ${timeZone}`;
    errors.push(invalid('spec.timeZone', timeZone, detail));
  }
  return errors;
}
