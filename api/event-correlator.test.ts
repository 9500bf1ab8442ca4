import { expect, test } from 'vitest';
import { createCorrelator } from './event-correlator.ts';

const created = (pod: string, about = 'rs') => ({
  about,
  type: 'Normal',
  reason: 'SuccessfulCreate',
  message: `Created pod: ${pod}`,
});

test('nine Events that are alike are told as they are, the tenth and those after it as one', () => {
  const correlate = createCorrelator(() => 0);
  const told = Array.from({ length: 12 }, (_, index) => correlate(created(`pod-${index}`)));
  expect(told.slice(0, 9).map((event) => event?.message)).toEqual(
    Array.from({ length: 9 }, (_, index) => `Created pod: pod-${index}`),
  );
  expect(told[11]?.message).toBe('(combined from similar events): Created pod: pod-11');
  expect(new Set(told.map((event) => event?.key)).size).toBe(10);
});

test('after 25 about one object there is one in five minutes; others are not concerned', () => {
  let now = 0;
  const correlate = createCorrelator(() => now);
  const told = Array.from({ length: 1_000 }, (_, index) => correlate(created(`pod-${index}`)));
  expect(told.filter(Boolean)).toHaveLength(25);
  expect(correlate(created('pod-0', 'another'))?.message).toBe('Created pod: pod-0');
  now += 299_999;
  expect(correlate(created('late'))).toBeUndefined();
  now += 1;
  expect(correlate(created('late'))).toBeDefined();
  expect(correlate(created('later'))).toBeUndefined();
});

test('what is alike but ten minutes apart is not put together', () => {
  let now = 0;
  const correlate = createCorrelator(() => now);
  for (let index = 0; index < 9; index++) correlate(created(`pod-${index}`));
  now = 600_001;
  expect(correlate(created('pod-9'))?.message).toBe('Created pod: pod-9');
});
