import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { replayHistory } from './testing/history.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node[Symbol.asyncDispose]());

test.each([
  ['IPv4', 'upstream', 1],
  ['IPv6', 'upstream', 2],
  ['IPv4', 'flat', 3],
  ['IPv6', 'flat', 4],
] as const)(
  'the kernel has what is wanted after any history: %s, %s, seed %i',
  async (family, layout, seed) => {
    node.commands.length = 0;
    await replayHistory({ kernel: node.kernel, family, layout, seed, steps: 10 });
    expect(node.commands.some(({ input }) => input?.includes('add element'))).toBe(true);
  },
  60_000,
);
