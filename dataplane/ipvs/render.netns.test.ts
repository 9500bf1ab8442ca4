import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeFeatures } from '../../kernel/features.ts';
import { testsInGuest } from '../../scripts/guest/tests.ts';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { comparable, printedTexts, randomTexts, textCount, tryRules } from './testing/texts.ts';

const { missing } = await probeFeatures();
const noSets = missing.ip_set;
if (noSets) process.stderr.write(`dataplane/ipvs/render.netns.test.ts: one part skipped: ${noSets}\n`);

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
});
afterAll(() => lab[Symbol.asyncDispose]());

if (missing.ip_vs ?? noSets ?? missing.dummy) {
  // The rules alone need the sets only, and the other tables are not everywhere a guest is.
  describe.skipIf(noSets)('the rules of IPVS mode', () => {
    test.each(['nft', 'legacy'] as const)('iptables-%s-restore --test takes them', async (tools) => {
      for (let seed = 0; seed < 10; seed++) {
        const texts = await randomTexts(seed);
        // These look at IPVS itself.
        const rules = texts.rules.replaceAll(/^.* -m ipvs .*\n/gm, '');
        await tryRules(lab.kernel, tools, { ...texts, rules });
      }
    });
  });
  await testsInGuest(fileURLToPath(import.meta.url));
} else
  describe('with IPVS in the kernel', () => {
    test.each(Array.from({ length: textCount }, (_, seed) => seed))(
      'the tools print every rendered text as it is (seed %i)',
      async (seed) => {
        const texts = await randomTexts(seed);
        expect(comparable(await printedTexts(lab.kernel, texts))).toEqual(comparable(texts));
      },
    );
  });
