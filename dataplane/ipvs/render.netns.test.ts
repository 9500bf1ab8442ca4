import { afterAll, beforeAll, describe, test } from 'vitest';
import { probeFeatures } from '../../kernel/features.ts';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { randomTexts, tryRules } from './testing/texts.ts';

const { missing } = await probeFeatures();
if (missing.ip_set) process.stderr.write(`skipped dataplane/ipvs/render.netns.test.ts: ${missing.ip_set}\n`);

// The rules alone need the sets only; the rest is in render.guest.test.ts. Not every guest kernel has both tool sets.
describe.skipIf(missing.ip_set)('the rules of IPVS mode', () => {
  let lab: TestNode;
  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test.each(['nft', 'legacy'] as const)('iptables-%s-restore --test takes them', async (tools) => {
    for (let seed = 0; seed < 10; seed++) {
      const texts = await randomTexts(seed);
      // These look at IPVS itself.
      const rules = texts.rules.replaceAll(/^.* -m ipvs .*\n/gm, '');
      await tryRules(lab.kernel, tools, { ...texts, rules });
    }
  });
});
