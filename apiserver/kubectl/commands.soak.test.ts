import { describe, expect, it } from 'vitest';
import { someKubectls } from '../testing/kubectl.ts';
import { tables } from './testing/index.ts';
import { play } from './testing/play.ts';
import { startStage } from './testing/stage.ts';

const found = someKubectls(true);

/** One after another: eight at once would only wait for the processors. */
describe.skipIf(found.length === 0).each(found)('every command of %s', (kubectl) => {
  it('comes out as it should', { timeout: 600_000 }, async () => {
    const started = await startStage(kubectl);
    try {
      for (const [index, table] of tables.entries()) {
        const namespace = await started.namespace(`table-${index}`);
        expect(await play(table, started.stage, namespace), table.name).toEqual([]);
      }
      expect(started.failures).toEqual([]);
    } finally {
      await started.stop();
    }
  });
});
