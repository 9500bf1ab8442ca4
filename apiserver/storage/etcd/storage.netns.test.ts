import { afterAll, describe, expect, it } from 'vitest';
import { etcdProgram, startTestEtcd } from '../../testing/etcd.ts';
import { describeStorage } from '../../testing/storage-contract.ts';
import type { Storage, StoredChange } from '../storage.ts';
import { openEtcdStorage } from './storage.ts';

const program = await etcdProgram();
const etcd = program ? await startTestEtcd(program) : undefined;
afterAll(() => etcd?.stop());

const value = (text: string) => Buffer.from(JSON.stringify({ text }));
let places = 0;
const newPlace = () => `/place${places++}`;
const open = (prefix: string): Promise<Storage> =>
  openEtcdStorage({ endpoints: [etcd?.url ?? ''], tls: etcd?.tls ?? {}, prefix });

describe.skipIf(!etcd)('storage in etcd', () => {
  describeStorage('etcd', open, newPlace);

  it('serves several at once: what one writes, the others are told and find', async () => {
    const place = newPlace();
    const [one, two] = await Promise.all([open(place), open(place)]);
    const seen: string[] = [];
    const { revision } = await two.range('/registry/');
    const told = Promise.withResolvers<void>();
    await two.watch('/registry/', revision, (changes) => {
      seen.push(...changes.map(({ key }) => key));
      if (seen.length === 20) told.resolve();
    });
    const keys = Array.from({ length: 20 }, (_, i) => `/registry/configmaps/default/${i}`);
    for (const key of keys) await one.put(key, value(key), 0);
    const last = await two.latest();
    expect((await two.range('/registry/')).revision).toBe(last);
    expect((await two.put(keys[0] ?? '', value('again'), 0)).ok).toBe(false);
    await told.promise;
    expect(seen).toEqual(keys);
    await Promise.all([one.close(), two.close()]);
  });

  it('takes a watch up again at another storage, from the revision where the first ended', async () => {
    const place = newPlace();
    const one = await open(place);
    const first = await one.put('/registry/a', value('1'), 0);
    const second = await one.put('/registry/a', value('2'), first.revision);
    await one.close();
    const two = await open(place);
    const seen: StoredChange[] = [];
    await two.watch('/registry/', first.revision, (changes) => seen.push(...changes));
    expect(seen.map(({ revision, previous }) => [revision, previous?.revision])).toEqual([
      [second.revision, first.revision],
    ]);
    await two.close();
  });

  it('reads more values than come at once, all of one moment', { timeout: 60_000 }, async () => {
    const storage = await open(newPlace());
    const count = 5_100;
    for (let from = 0; from < count; from += 500) {
      await Promise.all(
        Array.from({ length: Math.min(500, count - from) }, (_, i) =>
          storage.put(`/registry/pods/${String(from + i).padStart(6, '0')}`, value('x'), 0),
        ),
      );
    }
    const { values, revision } = await storage.range('/registry/pods/');
    expect(values).toHaveLength(count);
    expect(Math.max(...values.map((one) => one.revision))).toBe(revision);
    await storage.close();
  });

  it('removes keys after their time, and tells of it', async () => {
    const storage = await open(newPlace());
    const { revision } = await storage.range('/registry/');
    const gone = Promise.withResolvers<void>();
    await storage.watch('/registry/', revision, (changes) => {
      if (changes.some(({ value }) => !value)) gone.resolve();
    });
    await storage.put('/registry/masterleases/172.18.0.2', value('short'), 0, { ttl: 1 });
    await gone.promise;
    expect((await storage.range('/registry/')).values).toEqual([]);
    await storage.close();
  });

  it('says that etcd is away in code 500, and recovers with everything acknowledged and every watch', async () => {
    const storage = await open(newPlace());
    const seen: string[] = [];
    const { revision } = await storage.range('/registry/');
    await storage.watch('/registry/', revision, (changes) => seen.push(...changes.map(({ key }) => key)));
    await storage.put('/registry/before', value('x'), 0);
    await etcd?.kill();
    await expect(storage.put('/registry/during', value('x'), 0)).rejects.toMatchObject({
      status: { code: 500, message: expect.stringContaining('rpc error: code = Unavailable') },
    });
    await expect(storage.latest()).rejects.toMatchObject({ status: { code: 500 } });
    expect(storage.healthy()).toBe(false);
    await etcd?.restart();
    await storage.put('/registry/after', value('x'), 0);
    expect(storage.healthy()).toBe(true);
    expect(seen).toEqual(['/registry/before', '/registry/after']);
    await storage.close();
  });
});

it.skipIf(!etcd)('names the address where no etcd answers', async () => {
  await expect(openEtcdStorage({ endpoints: ['https://127.0.0.1:1'] })).rejects.toThrow(
    /127\.0\.0\.1:1.*ECONNREFUSED/,
  );
});
