import { afterAll, beforeAll, describe, test } from 'vitest';
import { follow, followDying } from './testing/fuzz.ts';
import { tryHistory } from './testing/history.ts';
import { randomHistory } from './testing/randomhistory.ts';
import { startTestNode, type TestNode } from './testing/sandbox.ts';
import { type BackendName, backends, hostBackends } from './testing/standing.ts';

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe.each(Object.keys(backends) as BackendName[])('%s in a model of the kernel', (name) => {
  test.each(seeds(1_000, 100))(
    'the state reached by differences is that of a new start, seed %i',
    async (seed) => {
      await tryHistory(seed, randomHistory(seed, 60), (history) => follow(name, seed, history));
    },
  );

  test.each(seeds(3_000, 100))('though it is killed in the middle of every write, seed %i', async (seed) => {
    await tryHistory(seed, randomHistory(seed, 40), (history) => followDying(name, seed, history));
  });
});

describe.each(hostBackends)('%s: after each step of a history', (name) => {
  let lab: TestNode;
  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test.each(seeds(2_000, 10))('the kernel has what a new proxy writes, seed %i', async (seed) => {
    const history = randomHistory(seed, 40);
    await tryHistory(seed, history, (some) => follow(name, seed, some, () => lab.kernel), 60);
  });
});
