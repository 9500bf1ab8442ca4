import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['5s', 5_000],
  ['1m30s', 90_000],
  ['-1.5h', -5_400_000],
  ['250ms', 250],
  ['0', 0],
  ['.5m', 30_000],
  ['5', undefined],
  ['', undefined],
  ['1.2.3s', undefined],
  ['s', undefined],
])('a duration of %j', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});
