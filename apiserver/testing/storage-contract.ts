import { describe, expect, it } from 'vitest';
import { root } from '../storage/keys.ts';
import type { Storage, StoredChange, StoredValue } from '../storage/storage.ts';

/** Opens a storage on a place of its own; the same `place` again finds what was stored there. */
export type StorageFactory = (place: string) => Promise<Storage>;

const get = async (storage: Storage, key: string): Promise<StoredValue | undefined> =>
  (await storage.range(key)).values.find((one) => one.key === key);
const value = (text: string) => Buffer.from(`{"text":${JSON.stringify(text)}}`);

/** What every implementation of {@link Storage} must do. */
export function describeStorage(name: string, open: StorageFactory, newPlace: () => string): void {
  const withStorage = async (test: (storage: Storage, place: string) => Promise<void>) => {
    const place = newPlace();
    const storage = await open(place);
    try {
      await test(storage, place);
    } finally {
      await storage.close();
    }
  };

  describe(`storage: ${name}`, () => {
    it('gives back what was put, with its revision', () =>
      withStorage(async (storage) => {
        expect(await get(storage, '/registry/a')).toBeUndefined();
        const first = await storage.put('/registry/a', value('one'), 0);
        expect(first.ok).toBe(true);
        expect(await get(storage, '/registry/a')).toEqual({
          key: '/registry/a',
          value: value('one'),
          revision: first.revision,
        });
      }));

    it('refuses what etcd refuses for its size, and goes on', () =>
      withStorage(async (storage) => {
        const large = value('x'.repeat(1.5 * 1024 * 1024));
        await expect(storage.put('/registry/large', large, 0)).rejects.toMatchObject({
          status: { code: 500, message: 'etcdserver: request is too large' },
        });
        const { ok } = await storage.put('/registry/large', large.subarray(0, 1.5 * 1024 * 1024 - 1024), 0);
        expect(ok).toBe(true);
      }));

    it('grows one revision over all keys', () =>
      withStorage(async (storage) => {
        const a = await storage.put('/registry/a', value('a'), 0);
        const b = await storage.put('/registry/b', value('b'), 0);
        const gone = await storage.delete('/registry/a', a.revision);
        expect(b.revision).toBeGreaterThan(a.revision);
        expect(gone.revision).toBeGreaterThan(b.revision);
        expect((await storage.range(root)).revision).toBe(gone.revision);
      }));

    it('writes only when the expectation holds, and says what it found', () =>
      withStorage(async (storage) => {
        const { revision } = await storage.put('/registry/a', value('one'), 0);
        expect(await storage.put('/registry/a', value('two'), 0)).toEqual({ ok: false, revision });
        expect(await storage.put('/registry/a', value('two'), revision + 1)).toEqual({ ok: false, revision });
        expect(await storage.delete('/registry/a', revision + 1)).toEqual({ ok: false, revision });
        expect(await storage.delete('/registry/missing', 0)).toEqual({ ok: false, revision: 0 });
        expect(await storage.delete('/registry/missing', 7)).toEqual({ ok: false, revision: 0 });
        expect((await get(storage, '/registry/a'))?.value).toEqual(value('one'));
        expect((await storage.put('/registry/a', value('two'), revision)).ok).toBe(true);
      }));

    it('lets exactly one of many concurrent writers of a revision win', () =>
      withStorage(async (storage) => {
        const { revision } = await storage.put('/registry/a', value('start'), 0);
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, i) => storage.put('/registry/a', value(`writer ${i}`), revision)),
        );
        const won = results.flatMap(({ ok }, i) => (ok ? [i] : []));
        expect(won).toHaveLength(1);
        expect((await get(storage, '/registry/a'))?.value).toEqual(value(`writer ${won[0]}`));
      }));

    it('ranges over a prefix in key order, deleted keys left out', () =>
      withStorage(async (storage) => {
        const keys = ['/registry/pods/b', '/registry/pods/a', '/registry/podsecurity/x', '/registry/nodes/n'];
        const written = await Promise.all(keys.map((key) => storage.put(key, value(key), 0)));
        await storage.delete('/registry/nodes/n', written[3]?.revision ?? 0);
        const { values } = await storage.range('/registry/pods/');
        expect(values.map(({ key }) => key)).toEqual(['/registry/pods/a', '/registry/pods/b']);
        expect((await storage.range('/registry/nodes/')).values).toEqual([]);
      }));

    it('lets a key live again after its deletion', () =>
      withStorage(async (storage) => {
        const first = await storage.put('/registry/a', value('one'), 0);
        await storage.delete('/registry/a', first.revision);
        const again = await storage.put('/registry/a', value('two'), 0);
        expect(again.ok).toBe(true);
        expect((await get(storage, '/registry/a'))?.revision).toBe(again.revision);
      }));

    it('tells a watcher of changes before the writer gets its answer', () =>
      withStorage(async (storage) => {
        const seen: StoredChange[] = [];
        const { revision } = await storage.range(root);
        const stop = await storage.watch('/registry/pods/', revision, (changes) => seen.push(...changes));
        const put = await storage.put('/registry/pods/a', value('one'), 0);
        expect(seen).toEqual([{ key: '/registry/pods/a', revision: put.revision, value: value('one') }]);
        await storage.put('/registry/nodes/n', value('other'), 0);
        const gone = await storage.delete('/registry/pods/a', put.revision);
        expect(seen.map(({ revision }) => revision)).toEqual([put.revision, gone.revision]);
        expect(seen[1]?.value).toBeUndefined();
        stop();
        await storage.put('/registry/pods/a', value('two'), 0);
        expect(seen).toHaveLength(2);
      }));

    it('resumes a watch from an old revision, previous values included, also after reopening', async () => {
      const place = newPlace();
      let storage = await open(place);
      const one = await storage.put('/registry/a', value('one'), 0);
      const two = await storage.put('/registry/a', value('two'), one.revision);
      const gone = await storage.delete('/registry/a', two.revision);
      for (let time = 0; time < 2; time++) {
        const seen: StoredChange[] = [];
        await storage.watch(root, one.revision, (changes) => seen.push(...changes));
        expect(seen).toEqual([
          {
            key: '/registry/a',
            revision: two.revision,
            value: value('two'),
            previous: { key: '/registry/a', revision: one.revision, value: value('one') },
          },
          {
            key: '/registry/a',
            revision: gone.revision,
            previous: { key: '/registry/a', revision: two.revision, value: value('two') },
          },
        ]);
        await storage.close();
        storage = await open(place);
      }
      await storage.close();
    });

    it('misses nothing and repeats nothing where history meets what is new', () =>
      withStorage(async (storage) => {
        const first = await storage.put('/registry/old/first', value('x'), 0);
        for (let i = 0; i < 49; i++) await storage.put(`/registry/old/${i}`, value('x'), 0);
        const seen: number[] = [];
        const from = first.revision + 9;
        const watching = storage.watch(root, from, (changes) => {
          for (const { revision } of changes) seen.push(revision);
        });
        const writes = Array.from({ length: 50 }, (_, i) => storage.put(`/registry/new/${i}`, value('x'), 0));
        await Promise.all([watching, ...writes]);
        expect(seen).toEqual(Array.from({ length: 90 }, (_, i) => from + 1 + i));
      }));

    it('forgets history by compaction, keeps current values, and refuses older watches', async () => {
      const place = newPlace();
      let storage = await open(place);
      let revision = 0;
      for (let i = 0; i < 10; i++) {
        ({ revision } = await storage.put('/registry/a', value(String(i)), revision));
      }
      const b = await storage.put('/registry/b', value('b'), 0);
      await storage.delete('/registry/b', b.revision);
      await storage.compact(revision);
      for (let time = 0; time < 2; time++) {
        expect((await get(storage, '/registry/a'))?.value).toEqual(value('9'));
        await expect(storage.watch(root, revision - 3, () => undefined)).rejects.toMatchObject({
          status: { code: 410, reason: 'Expired' },
        });
        const seen: StoredChange[] = [];
        await storage.watch(root, revision, (changes) => seen.push(...changes));
        expect(seen.map(({ key }) => key)).toEqual(['/registry/b', '/registry/b']);
        await storage.close();
        storage = await open(place);
      }
      await storage.close();
    });

    it('never goes back in revision, even when compaction removed the newest record', async () => {
      const place = newPlace();
      let storage = await open(place);
      const a = await storage.put('/registry/a', value('a'), 0);
      const gone = await storage.delete('/registry/a', a.revision);
      await storage.compact(gone.revision);
      await storage.close();
      storage = await open(place);
      expect((await storage.range(root)).revision).toBe(gone.revision);
      expect((await storage.put('/registry/b', value('b'), 0)).revision).toBeGreaterThan(gone.revision);
      await storage.close();
    });

    it('refuses writes after it is closed', async () => {
      const storage = await open(newPlace());
      await storage.close();
      await expect(storage.put('/registry/a', value('a'), 0)).rejects.toMatchObject({
        status: { reason: 'ServiceUnavailable' },
      });
    });
  });
}
