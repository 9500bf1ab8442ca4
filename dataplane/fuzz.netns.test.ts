import { afterAll, beforeAll, describe, test } from 'vitest';
import { follow } from './testing/fuzz.ts';
import { tryHistory } from './testing/history.ts';
import { randomHistory } from './testing/randomhistory.ts';
import { startTestNode, type TestNode } from './testing/sandbox.ts';
import { hostBackends } from './testing/standing.ts';

// Mode ipvs has its turn in ipvs/fuzz.netns.test.ts.
describe.each(hostBackends)('%s: after each step of a history', (name) => {
  let lab: TestNode;
  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test.each([1, 2])('the kernel has what a new proxy writes, seed %i', async (seed) => {
    const history = randomHistory(seed, 12);
    await tryHistory(seed, history, (some) => follow(name, seed, some, () => lab.kernel), 20);
  });
});
