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
    'a success policy without indexes',
    { successPolicy: { rules: [{ succeededCount: 1 }] } },
    ['spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode'],
  ],
  [
    'success policies of nothing, of too much and of no indexes',
    {
      completionMode: 'Indexed',
      completions: 5,
      successPolicy: {
        rules: [
          {},
          { succeededCount: 6 },
          { succeededIndexes: '0-2', succeededCount: 4 },
          { succeededIndexes: '3,1' },
          { succeededIndexes: '1-5' },
          { succeededIndexes: '1-2-3' },
          { succeededIndexes: 'a' },
        ],
      },
    },
    [
      'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
      'spec.successPolicy.rules[1].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)',
      'spec.successPolicy.rules[2].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)',
      'spec.successPolicy.rules[3].succeededIndexes: Invalid value: "3,1": error parsing succeededIndexes: non-increasing order, previous: 3, current: 1',
      'spec.successPolicy.rules[4].succeededIndexes: Invalid value: "1-5": error parsing succeededIndexes: too large index: "5"',
      `spec.successPolicy.rules[5].succeededIndexes: Invalid value: "1-2-3": error parsing succeededIndexes: the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`,
      'spec.successPolicy.rules[6].succeededIndexes: Invalid value: "a": error parsing succeededIndexes: cannot convert string to integer for index: "a"',
    ],
  ],
  [
    'a failure policy with everything wrong',
    {
      podFailurePolicy: {
        rules: [
          { action: '', onExitCodes: { operator: 'In', values: [0, 2, 1, 2], containerName: 'x' } },
          { action: 'FailIndex', onExitCodes: { operator: 'NotIn', values: [] } },
          { action: 'Stop' },
          { action: 'Count', onPodConditions: [{ type: 'a b', status: 'Yes' }] },
        ],
      },
    },
    [
      'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[3]: Duplicate value: 2',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [0,2,1,2]: must be ordered',
      'spec.podFailurePolicy.rules[1].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
      'spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: []: at least one value is required',
      'spec.podFailurePolicy.rules[2].action: Unsupported value: "Stop": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
      'spec.podFailurePolicy.rules[2]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
      `spec.podFailurePolicy.rules[3].onPodConditions[0].type: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'spec.podFailurePolicy.rules[3].onPodConditions[0].status: Unsupported value: "Yes": supported values: "False", "True", "Unknown"',
    ],
  ],
  [
    'many indexes with retries of their own',
    { completionMode: 'Indexed', completions: 100_001, parallelism: 10_001, backoffLimitPerIndex: 1 },
    [
      'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
      'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
    ],
  ],
  [
    'more failed indexes than there are',
    { completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 1, maxFailedIndexes: 3 },
    ['spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions'],
  ],
  [
    'managed by nobody that has a name',
    { managedBy: 'nobody' },
    ['spec.managedBy: Invalid value: "nobody": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'a selector of its own that selects nothing',
    { selector: { matchLabels: { a: 'b' } }, manualSelector: true },
    ['spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`'],
  ],
])('%s', (_what, spec, errors) => {
  expect(admit(jobs, job(spec)).errors).toEqual(errors);
});

test('a Job that has not begun may be sent elsewhere, but not changed', () => {
  const old = admit(jobs, job({ suspend: true })).object;
  const elsewhere = structuredClone(old);
  const { spec } = elsewhere.spec?.template ?? {};
  if (spec)
    Object.assign(spec, { nodeSelector: { zone: 'a' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] });
  expect(admit(jobs, elsewhere, old).errors).toEqual([]);
  const other = structuredClone(old);
  if (other.spec?.template.spec) other.spec.template.spec.hostNetwork = true;
  expect(admit(jobs, other, old).errors).toEqual([expect.stringContaining('spec.template: Invalid value')]);
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
