import { expect, test } from 'vitest';
import { humanDuration, since } from './duration.ts';

/** Facts of upstream's `duration_test.go`. */
test.each([
  [0, '0s'],
  [-1, '0s'],
  [-2, '<invalid>'],
  [1, '1s'],
  [70, '70s'],
  [119, '119s'],
  [120, '2m'],
  [138, '2m18s'],
  [599, '9m59s'],
  [600, '10m'],
  [3 * 3600 - 1, '179m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 60, '3h1m'],
  [8 * 3600, '8h'],
  [48 * 3600 - 1, '47h'],
  [48 * 3600, '2d'],
  [5 * 86400 + 3600, '5d1h'],
  [8 * 86400, '8d'],
  [365 * 86400, '365d'],
  [2 * 365 * 86400, '2y'],
  [2 * 365 * 86400 + 86400, '2y1d'],
  [8 * 365 * 86400, '8y'],
])('%i seconds are %s', (seconds, text) => {
  expect(humanDuration(seconds * 1000)).toBe(text);
});
test('an absent timestamp is unknown', () => {
  expect(since(undefined, 0)).toBe('<unknown>');
});
