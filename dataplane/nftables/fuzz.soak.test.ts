import { afterAll, beforeAll, test } from 'vitest';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { replayHistory } from './testing/history.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node[Symbol.asyncDispose]());

const seeds = Array.from({ length: 12 }, (_, i) => 100 + i);
const cases = seeds.flatMap((seed) =>
  (['IPv4', 'IPv6'] as const).flatMap((family) =>
    (['upstream', 'flat'] as const).map((layout) => [family, layout, seed] as const),
  ),
);

test.each(cases)(
  'the kernel has what is wanted after any history: %s, %s, seed %i',
  async (family, layout, seed) => {
    await replayHistory({ kernel: node.kernel, family, layout, seed, steps: 40 });
  },
  300_000,
);
