import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { comparable, printedTexts, randomTexts, textCount } from './testing/texts.ts';

describe('what IPVS mode renders, with IPVS in the kernel', () => {
  let lab: TestNode;
  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test.each(Array.from({ length: textCount }, (_, seed) => seed))(
    'the tools print every text as it is (seed %i)',
    async (seed) => {
      const texts = await randomTexts(seed);
      expect(comparable(await printedTexts(lab.kernel, texts))).toEqual(comparable(texts));
    },
  );
});
