import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { startCache } from './cache.ts';
import type { Change } from './change.ts';
import { encodeValue } from './entry.ts';
import { storageKey } from './keys.ts';
import { openLevelStorage } from './level/storage.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-cache-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('forgets history by its bytes too, in memory and on disk', async () => {
  const failures: unknown[] = [];
  const storage = await openLevelStorage(join(folder, 'db'));
  const cache = await startCache(storage, {
    resources: [resources.configmaps],
    historyBytes: 100_000,
    onError: (error) => failures.push(error),
  });
  const key = storageKey(resources.configmaps, 'large', 'default');
  const data = { text: 'x'.repeat(20_000) };
  const revisions = [0];
  for (let turn = 0; turn < 20; turn++) {
    const object = { metadata: { name: 'large', namespace: 'default' }, data: { ...data, turn: `${turn}` } };
    const value = encodeValue(resources.configmaps, object);
    const { ok, revision } = await storage.put(key, value, revisions.at(-1) ?? 0);
    expect(ok).toBe(true);
    revisions.push(revision);
  }
  const expired = { status: { code: 410, reason: 'Expired' } };
  expect(() => cache.list(resources.configmaps, undefined, revisions[3])).toThrow(/too old/);
  // The disk follows.
  const early = () => storage.watch('/', revisions[3] ?? 0, () => {}).catch((error: unknown) => error);
  await expect.poll(early).toMatchObject(expired);
  await expect(cache.watch(resources.configmaps, revisions[3] ?? 0, () => {})).rejects.toMatchObject(expired);

  const seen: Change[] = [];
  const stop = await cache.watch(resources.configmaps, revisions.at(-3) ?? 0, (changes) => {
    seen.push(...changes);
  });
  expect(seen.map(({ revision }) => revision)).toEqual(revisions.slice(-2));
  // Of a change that was told long ago frames are made again.
  expect(String(seen[0]?.frame('MODIFIED'))).toContain('"turn":"18"');
  expect(String(seen[0]?.frame('ADDED'))).toMatch(/^\{"type":"ADDED",.*"turn":"18".*\}\}\n$/);
  stop();
  cache.close();
  await storage.close();
  expect(failures).toEqual([]);
});
