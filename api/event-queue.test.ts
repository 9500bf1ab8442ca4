import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createEventQueue } from './event-queue.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function recorder() {
  const written: number[] = [];
  const queue = createEventQueue({ patience: 100 });
  const push = (number: number, type: 'Normal' | 'Warning' = 'Normal') =>
    queue.push(type, async () => void written.push(number));
  return { written, push };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a few are written soon, in their order', async () => {
  const { written, push } = recorder();
  for (const number of numbers(5)) push(number);
  await vi.advanceTimersByTimeAsync(99);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(2);
  expect(written).toEqual(numbers(5));
});

test('many wait until no more come, and are all written', async () => {
  const { written, push } = recorder();
  for (const number of numbers(40)) {
    push(number);
    await vi.advanceTimersByTimeAsync(100);
  }
  // Those of the time before there were many.
  expect(written.length).toBeLessThan(15);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(written).toEqual(numbers(40));
});

test('a warning does not wait, nor what was before it', async () => {
  const { written, push } = recorder();
  for (const number of numbers(40)) push(number);
  push(40, 'Warning');
  await vi.advanceTimersByTimeAsync(101);
  expect(written).toEqual(numbers(41));
});

test('none waits for ever', async () => {
  const { written, push } = recorder();
  for (const number of numbers(300)) {
    push(number);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(written.length).toBeGreaterThan(50);
});
