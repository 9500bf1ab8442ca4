import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Storage, StoredValue } from '../storage.ts';
import { recordKey } from './records.ts';
import { openLevelStorage } from './storage.ts';
import { watermarkFile } from './watermark.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-damage-'));
const original = join(folder, 'original');
let expected: { revision: number; values: StoredValue[] };
let copies = 0;

afterAll(() => rmSync(folder, { recursive: true }));

const value = (text: string) => Buffer.from(`{"text":${JSON.stringify(text.repeat(20))}}`);

/** Objects in tables and in the log, some of them changed and removed, with history forgotten in between. */
beforeAll(async () => {
  let storage = await openLevelStorage(original);
  const fill = async (from: number) => {
    for (let i = from; i < from + 20; i++) await storage.put(`/registry/pods/${i}`, value(`pod ${i}`), 0);
    const { values, revision } = await storage.range('/registry/');
    for (const { key, revision } of values.slice(0, 5)) await storage.put(key, value('changed'), revision);
    for (const { key, revision } of values.slice(-2)) await storage.delete(key, revision);
    return revision;
  };
  const revision = await fill(0);
  await storage.compact(revision);
  await storage.close();
  // At opening LevelDB puts what the log holds into a table.
  storage = await openLevelStorage(original);
  await fill(100);
  expected = await storage.range('/registry/');
  await storage.close();
});

function copy(): string {
  const place = join(folder, String(copies++));
  cpSync(original, place, { recursive: true });
  return place;
}

const filesLike = (place: string, name: RegExp) =>
  readdirSync(place)
    .filter((file) => name.test(file))
    .map((file) => join(place, file));

/** Everything as it was, or an error that says where. */
async function look(place: string): Promise<'whole' | string> {
  let storage: Storage | undefined;
  try {
    storage = await openLevelStorage(place);
    expect(await storage.range('/registry/')).toEqual(expected);
    return 'whole';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    expect(message).toContain(place);
    return message;
  } finally {
    await storage?.close();
  }
}

describe('a damaged database', () => {
  it('is whole before anything is done to it', async () => {
    expect(await look(copy())).toBe('whole');
  });

  it('is named with the revisions that a truncated log has lost', async () => {
    const place = copy();
    for (const log of filesLike(place, /\.log$/)) truncateSync(log, readFileSync(log).length - 10);
    expect(await look(place)).toMatch(
      new RegExp(
        `is corrupt: revision ${expected.revision} is missing, which had been acknowledged; restore`,
      ),
    );
  });

  it('is named when the log is gone, and when all is', async () => {
    const place = copy();
    for (const log of filesLike(place, /\.log$/)) rmSync(log);
    expect(await look(place)).toMatch(/revisions \d+ to \d+ are missing/);
    const empty = copy();
    for (const file of filesLike(empty, /./)) if (!file.endsWith(watermarkFile)) rmSync(file);
    expect(await look(empty)).toMatch(new RegExp(`revisions 1 to ${expected.revision} are missing`));
  });

  it('is named when the line of the last revision is damaged', async () => {
    const place = copy();
    writeFileSync(join(place, watermarkFile), 'what?');
    expect(await look(place)).toMatch(/REVISION is damaged: it holds "what\?"/);
  });

  it('never loses or changes anything silently, wherever a byte is changed or a file cut off', async () => {
    const outcomes = { whole: 0, named: 0 };
    const names = readdirSync(original).filter((name) => /\.(log|ldb)$|^MANIFEST|^REVISION/.test(name));
    for (const name of names) {
      const bytes = readFileSync(join(original, name));
      const step = Math.max(1, Math.floor(bytes.length / 12));
      for (let at = 0; at < bytes.length; at += step) {
        for (const cut of [false, true]) {
          const place = copy();
          const damaged = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
          if (!cut) damaged[at] = (damaged[at] ?? 0) ^ 0x11;
          writeFileSync(join(place, name), damaged);
          outcomes[(await look(place)) === 'whole' ? 'whole' : 'named']++;
          rmSync(place, { recursive: true });
        }
      }
    }
    expect(outcomes.named).toBeGreaterThan(outcomes.whole);
  });
});

it('opens a database of before there were checksums, and checks what comes after', async () => {
  const place = join(folder, 'former');
  const former = new Level<string, Buffer>(place, { valueEncoding: 'buffer' });
  const text = '{"former":true}';
  for (const revision of [1, 2])
    await former.put(
      recordKey({ revision, key: `/registry/${revision}`, removed: false }),
      Buffer.from(text),
    );
  await former.close();
  for (let time = 0; time < 3; time++) {
    const storage = await openLevelStorage(place);
    const { values, revision } = await storage.range('/registry/');
    expect(values.slice(0, 2).map(({ value }) => value.toString())).toEqual([text, text]);
    expect(revision).toBe(2 + time);
    await storage.put(`/registry/later-${time}`, Buffer.from(text), 0);
    if (time === 1) await storage.compact(2);
    await storage.close();
  }
});
