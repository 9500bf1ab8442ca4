import { afterAll, beforeAll, expect, test } from 'vitest';
import { printed, randomText } from './testing/printed.ts';
import { startTestNode, type TestNode } from './testing/sandbox.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
});
afterAll(() => lab[Symbol.asyncDispose]());

test('the tools print what was rendered, for a thousand sets of objects', async () => {
  for (let seed = 1_000; seed < 2_000; seed++) {
    const { tool, text } = await randomText(seed);
    expect(await printed(lab.kernel, tool, text), `seed ${seed}`).toBe(text);
  }
});
