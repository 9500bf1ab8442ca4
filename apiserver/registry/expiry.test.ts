import { expect, it } from 'vitest';
import type { CoreEvent } from '../../api/types.ts';
import { isExpired } from './expiry.ts';

const event = (fields: Partial<CoreEvent>): CoreEvent => ({
  metadata: { creationTimestamp: '2026-01-01T10:00:00Z' },
  involvedObject: {},
  ...fields,
});

it.each([
  ['an hour after it was made', {}, '2026-01-01T11:00:00Z', false],
  ['a second later', {}, '2026-01-01T11:00:01Z', true],
  ['when it happened again since', { lastTimestamp: '2026-01-01T10:30:00Z' }, '2026-01-01T11:00:01Z', false],
  [
    'when it is one of a series that goes on',
    { series: { count: 2, lastObservedTime: '2026-01-01T10:59:00.000001Z' } },
    '2026-01-01T11:30:00Z',
    false,
  ],
])('an event %s: expired %s', (_, fields, now, expected) => {
  expect(isExpired(event(fields), Date.parse(now))).toBe(expected);
});
