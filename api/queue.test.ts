import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createReconciler } from './queue.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function counting() {
  const looks = new Map<string, number>();
  const ending = new AbortController();
  const queue = createReconciler({
    signal: ending.signal,
    reconcile: async (key) => void looks.set(key, (looks.get(key) ?? 0) + 1),
  });
  return { looks, queue, ending };
}

test('a key of which much changes is looked at now and then, at the last change too; others at once', async () => {
  const { looks, queue } = counting();
  for (let change = 0; change < 500; change++) {
    queue.enqueue('many');
    await vi.advanceTimersByTimeAsync(2);
  }
  expect(looks.get('many')).toBeLessThan(32);
  const before = looks.get('many') ?? 0;
  queue.enqueue('many');
  queue.enqueue('one');
  await vi.advanceTimersByTimeAsync(1);
  expect(looks.get('one')).toBe(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(looks.get('many')).toBe(before + 1);
});

test('a key of which a little changes is looked at each time', async () => {
  const { looks, queue } = counting();
  for (let change = 0; change < 100; change++) {
    queue.enqueue('few');
    await vi.advanceTimersByTimeAsync(60);
  }
  expect(looks.get('few')).toBe(100);
});

test('it is idle once nothing is held up, and nothing is looked at after its end', async () => {
  const { looks, queue, ending } = counting();
  for (let change = 0; change < 30; change++) {
    queue.enqueue('many');
    await vi.advanceTimersByTimeAsync(1);
  }
  const before = looks.get('many') ?? 0;
  let isIdle = false;
  void queue.idle().then(() => {
    isIdle = true;
  });
  await vi.advanceTimersByTimeAsync(1);
  expect(isIdle).toBe(false);
  await vi.advanceTimersByTimeAsync(100);
  expect(isIdle).toBe(true);
  expect(looks.get('many')).toBe(before + 1);
  queue.enqueue('many');
  ending.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(looks.get('many')).toBe(before + 1);
});
