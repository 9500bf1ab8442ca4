import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { probeFeatures } from '../../kernel/features.ts';
import { testsInGuest } from '../../scripts/guest/tests.ts';
import { follow } from '../testing/fuzz.ts';
import { tryHistory } from '../testing/history.ts';
import { randomHistory } from '../testing/randomhistory.ts';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';

const { missing } = await probeFeatures();
if (missing.ip_vs ?? missing.ip_set ?? missing.dummy) await testsInGuest(fileURLToPath(import.meta.url));
else describeFuzz();

function describeFuzz(): void {
  describe('ipvs: after each step of a history', () => {
    let lab: TestNode;
    beforeAll(async () => {
      lab = await startTestNode();
    });
    afterAll(() => lab[Symbol.asyncDispose]());

    test.each([1])('the kernel has what a new proxy writes, seed %i', async (seed) => {
      const history = randomHistory(seed, 4);
      await tryHistory(seed, history, (some) => follow('ipvs', seed, some, () => lab.kernel), 3);
    });
  });
}
