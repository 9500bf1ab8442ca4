import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someKubectls } from '../testing/kubectl.ts';
import { tables } from './testing/index.ts';
import { play } from './testing/play.ts';
import { startStage } from './testing/stage.ts';

const found = someKubectls();

describe.skipIf(found.length === 0).each(found)('every command of %s', (kubectl) => {
  let started: Awaited<ReturnType<typeof startStage>>;
  beforeAll(async () => {
    started = await startStage(kubectl);
  });
  afterAll(async () => {
    expect(started.failures).toEqual([]);
    await started.stop();
  });

  it.concurrent.each(tables.map((table, index) => ({ ...table, index })))(
    '$name',
    {
      timeout: 120_000,
    },
    async ({ index, ...table }) => {
      const namespace = await started.namespace(`table-${index}`);
      expect(await play(table, started.stage, namespace)).toEqual([]);
    },
  );
});
