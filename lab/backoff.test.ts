import { expect, test } from 'vitest';
import { createBackoff } from './backoff.ts';

test('delays double from 10 ms to 10 s', () => {
  const backoff = createBackoff();
  const delays = Array.from({ length: 12 }, () => backoff.next(5));
  expect(delays).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_000, 10_000]);
});

test('a run of ten seconds starts over', () => {
  const backoff = createBackoff();
  for (let i = 0; i < 8; i++) backoff.next(5);
  expect(backoff.next(9_999)).toBe(2560);
  expect(backoff.next(10_000)).toBe(10);
  expect(backoff.next(5)).toBe(20);
});
