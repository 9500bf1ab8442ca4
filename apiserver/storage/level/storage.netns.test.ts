import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeStorage } from '../../testing/storage-contract.ts';
import { openLevelStorage } from './storage.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-level-'));
let places = 0;
const newPlace = () => join(folder, String(places++));
afterAll(() => rmSync(folder, { recursive: true }));

describeStorage('level', openLevelStorage, newPlace);

it('names a database that is corrupt, and what to do', async () => {
  const place = newPlace();
  const storage = await openLevelStorage(place);
  await storage.put('/a', Buffer.from('{}'), 0);
  await storage.close();
  for (const file of readdirSync(place)) {
    if (/^(MANIFEST|CURRENT)/.test(file)) writeFileSync(join(place, file), 'not a database');
  }
  await expect(openLevelStorage(place)).rejects.toThrow(
    new RegExp(`cannot open the database in ${place}: it is corrupt`),
  );
});

it('names a database that another process has open', async () => {
  const place = newPlace();
  const storage = await openLevelStorage(place);
  await expect(openLevelStorage(place)).rejects.toThrow(/another apiserver has it open/);
  await storage.close();
});

/** The largest file this process may write, which is why these tests have one of their own; undefined lifts the limit. */
function limitFileSize(bytes: number | undefined): void {
  execFileSync('prlimit', [`--fsize=${bytes ?? 'unlimited'}:`, `--pid=${process.pid}`]);
}

it('fails writes clearly while the disk refuses them, goes on reading, and recovers without loss', async () => {
  const place = newPlace();
  let storage = await openLevelStorage(place);
  const { revision } = await storage.put('/kept', Buffer.from('{"kept":true}'), 0);
  const seen: string[] = [];
  await storage.watch('/', revision, (changes) => seen.push(...changes.map(({ key }) => key)));
  const large = Buffer.from(JSON.stringify('x'.repeat(100_000)));
  const acknowledged: string[] = [];
  limitFileSize(64 * 1024);
  try {
    for (const key of ['/one', '/two']) {
      await expect(storage.put(key, large, 0)).rejects.toMatchObject({
        status: { code: 500, message: expect.stringContaining('the write was not stored') },
      });
      expect(storage.healthy()).toBe(false);
    }
    expect((await storage.range('/one')).values).toEqual([]);
    expect((await storage.range('/kept')).values[0]?.value.toString()).toBe('{"kept":true}');
    expect((await storage.range('/')).revision).toBe(revision);
  } finally {
    limitFileSize(undefined);
  }
  for (const key of ['/three', '/four']) {
    expect((await storage.put(key, large, 0)).ok).toBe(true);
    acknowledged.push(key);
  }
  expect(seen).toEqual(acknowledged);
  await storage.close();
  storage = await openLevelStorage(place);
  expect((await storage.range('/')).values.map(({ key }) => key)).toEqual(['/four', '/kept', '/three']);
  await storage.close();
});
