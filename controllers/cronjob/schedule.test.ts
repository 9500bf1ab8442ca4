import { expect, test } from 'vitest';
import type { CronJob, CronJobSpec } from '../../api/types.ts';
import { jobAt } from './jobs.ts';
import { timingOf } from './schedule.ts';

const cronJob = (spec: Partial<CronJobSpec> = {}, lastScheduleTime?: string): CronJob => ({
  metadata: { name: 'hello', namespace: 'default', creationTimestamp: '2026-01-01T00:00:30Z' },
  spec: { schedule: '*/5 * * * *', jobTemplate: {}, ...spec },
  status: lastScheduleTime ? { lastScheduleTime } : {},
});
const timing = (of: CronJob, now: string) => {
  const { due, next, missedMany } = timingOf(of, Date.parse(now));
  const text = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString());
  return [text(due)?.slice(11, 16), text(next)?.slice(11, 16), missedMany];
};

test('the last time that was missed, and the next', () => {
  expect(timing(cronJob(), '2026-01-01T00:03:00Z')).toEqual([undefined, '00:05', false]);
  expect(timing(cronJob(), '2026-01-01T00:05:00Z')).toEqual(['00:05', '00:10', false]);
  expect(timing(cronJob({}, '2026-01-01T00:05:00Z'), '2026-01-01T00:05:01Z')).toEqual([
    undefined,
    '00:10',
    false,
  ]);
  expect(timing(cronJob({}, '2026-01-01T00:05:00Z'), '2026-01-01T00:31:00Z')).toEqual([
    '00:30',
    '00:35',
    false,
  ]);
  expect(timing(cronJob({}, '2025-12-01T00:00:00Z'), '2026-01-01T00:31:00Z')).toEqual([
    '00:30',
    '00:35',
    true,
  ]);
});

test('what is older than the deadline is not made up for', () => {
  const spec = { startingDeadlineSeconds: 30 };
  expect(timing(cronJob(spec), '2026-01-01T00:05:20Z')).toEqual(['00:05', '00:10', false]);
  expect(timing(cronJob(spec), '2026-01-01T00:05:40Z')).toEqual([undefined, '00:10', false]);
});

test('the name of a Job counts minutes', () => {
  expect(jobAt(cronJob(), Date.parse('2026-01-01T00:05:00Z')).metadata?.name).toBe('hello-29453765');
});
