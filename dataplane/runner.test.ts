import { expect, test, vi } from 'vitest';
import { createRunner } from './runner.ts';

/** A run that ends when told. */
function controlled() {
  const ends: ((error?: Error) => void)[] = [];
  const run = () =>
    new Promise<void>((resolve, reject) => {
      ends.push((error) => (error ? reject(error) : resolve()));
    });
  return { ends, run };
}

const begun = (ends: unknown[], count: number) => vi.waitFor(() => expect(ends).toHaveLength(count));

test('calls before a run are one run, calls during it are one more', async () => {
  const { ends, run } = controlled();
  const runner = createRunner({
    run,
    minPeriod: 0,
    onError: () => undefined,
    signal: new AbortController().signal,
  });
  runner.poke();
  runner.poke();
  await begun(ends, 1);
  runner.poke();
  runner.poke();
  ends[0]?.();
  await begun(ends, 2);
  ends[1]?.();
  await runner.idle();
  expect(ends).toHaveLength(2);
  await runner.first;
});

test('a failed run is told of and tried again', async () => {
  const { ends, run } = controlled();
  const errors: unknown[] = [];
  const runner = createRunner({
    run,
    minPeriod: 0,
    onError: (error) => errors.push(error),
    signal: new AbortController().signal,
  });
  runner.poke();
  await begun(ends, 1);
  ends[0]?.(new Error('no'));
  await begun(ends, 2);
  ends[1]?.();
  await runner.first;
  expect(errors).toEqual([new Error('no')]);
});

test('the first run is not delayed, the next one keeps its distance', async () => {
  let runs = 0;
  const run = async () => {
    runs++;
  };
  const stop = new AbortController();
  const runner = createRunner({ run, minPeriod: 3_600_000, onError: () => undefined, signal: stop.signal });
  runner.poke();
  await runner.first;
  runner.poke();
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  expect(runs).toBe(1);
  stop.abort();
  await runner.idle();
  expect(runs).toBe(1);
});

test('after an abort nothing runs, and nobody waits for ever', async () => {
  const { ends, run } = controlled();
  const stop = new AbortController();
  const runner = createRunner({ run, minPeriod: 0, onError: () => undefined, signal: stop.signal });
  stop.abort();
  runner.poke();
  await runner.first;
  await runner.idle();
  expect(ends).toHaveLength(0);
});
