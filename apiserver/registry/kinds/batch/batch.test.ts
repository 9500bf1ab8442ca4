import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { CronJob, CronJobSpec, Job, JobSpec } from '../../../../api/types.ts';
import { toTable } from '../../../table/table.ts';
import { admit, strategyOf } from '../testing.ts';

const metadata = { name: 'pi', namespace: 'default', uid: 'u-1' };
const pod = { restartPolicy: 'Never', containers: [{ name: 'pi', image: 'perl' }] };
const template = { spec: pod };
const job = (spec: Partial<JobSpec> = {}): Job => ({ metadata, spec: { template, ...spec } });
const cronJob = (spec: Partial<CronJobSpec> = {}, name = 'hello'): CronJob => ({
  metadata: { name, namespace: 'default' },
  spec: { schedule: '*/1 * * * *', jobTemplate: { spec: { template } }, ...spec },
});
const jobs = strategyOf(resources.jobs);
const cronJobs = strategyOf(resources.cronjobs);

test('defaults of a Job, and labels of its own', () => {
  const { object, errors } = admit(jobs, job());
  expect(errors).toEqual([]);
  expect(object.spec).toMatchObject({
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } },
  });
  expect(object.spec?.template.metadata?.labels).toEqual({
    'controller-uid': 'u-1',
    'job-name': 'pi',
    'batch.kubernetes.io/controller-uid': 'u-1',
    'batch.kubernetes.io/job-name': 'pi',
  });
  // A work queue: no completions.
  expect(admit(jobs, job({ parallelism: 2 })).object.spec).not.toHaveProperty('completions');
});

test.each<[string, Partial<JobSpec>, string[]]>([
  [
    'always restarted',
    { template: { spec: { containers: pod.containers } } },
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'negative parallelism',
    { parallelism: -1 },
    ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'indexed without completions',
    { completionMode: 'Indexed', parallelism: 2 },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'limit per index without indexes',
    { backoffLimitPerIndex: 1 },
    ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  ],
  [
    'failure policy with OnFailure',
    {
      template: { spec: { ...pod, restartPolicy: 'OnFailure' } },
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
    },
    [
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
  ],
  [
    'a selector of its own that selects nothing',
    { selector: { matchLabels: { a: 'b' } }, manualSelector: true },
    ['spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`'],
  ],
])('%s', (_what, spec, errors) => {
  expect(admit(jobs, job(spec)).errors).toEqual(errors);
});

test('completions and template of a Job are fixed', () => {
  const old = admit(jobs, job()).object;
  const changed = structuredClone(old);
  if (changed.spec) changed.spec.completions = 2;
  expect(admit(jobs, changed, old).errors).toEqual([
    'spec.completions: Invalid value: 2: field is immutable',
  ]);
  const other = structuredClone(old);
  if (other.spec) other.spec.parallelism = 3;
  expect(admit(jobs, other, old).errors).toEqual([]);
});

test('CronJobs', () => {
  const { object, errors } = admit(cronJobs, cronJob());
  expect(errors).toEqual([]);
  expect(object.spec).toMatchObject({
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  expect(admit(cronJobs, cronJob({ schedule: 'error' })).errors).toEqual([
    'spec.schedule: Invalid value: "error": expected exactly 5 fields, found 1: [error]',
  ]);
  expect(admit(cronJobs, cronJob({ timeZone: 'Mars' })).errors).toEqual([
    'spec.timeZone: Invalid value: "Mars": unknown time zone Mars',
  ]);
  expect(admit(cronJobs, cronJob({ concurrencyPolicy: 'Maybe' })).errors).toEqual([
    'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
  ]);
  expect(admit(cronJobs, cronJob({}, 'x'.repeat(53))).errors).toEqual([
    `metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`,
  ]);
});

test('columns', () => {
  const now = Date.parse('2025-01-01T00:01:00Z');
  const cells = <T extends object>(strategy: { columns?: unknown }, object: T) =>
    toTable(strategy.columns as typeof jobs.columns, [object], { now }).rows[0]?.cells.slice(0, 7);
  const running = { ...admit(jobs, job()).object, status: { startTime: '2025-01-01T00:00:30Z', active: 1 } };
  running.metadata = { ...metadata, creationTimestamp: '2025-01-01T00:00:29Z' };
  expect(cells(jobs, running)).toEqual(['pi', 'Running', '0/1', '30s', '31s', 'pi', 'perl']);
  const done = {
    ...running,
    status: {
      startTime: '2025-01-01T00:00:30Z',
      completionTime: '2025-01-01T00:00:35Z',
      succeeded: 1,
      conditions: [{ type: 'Complete', status: 'True' }],
    },
  };
  expect(cells(jobs, done)).toEqual(['pi', 'Complete', '1/1', '5s', '31s', 'pi', 'perl']);
  const hello = {
    ...admit(cronJobs, cronJob()).object,
    status: { lastScheduleTime: '2025-01-01T00:00:00Z' },
  };
  expect(cells(cronJobs, hello)).toEqual(['hello', '*/1 * * * *', '<none>', 'False', 0, '60s', '<unknown>']);
});
