import { setTimeout as delay } from 'node:timers/promises';
import { statusError } from '../../../api/status.ts';
import { root } from '../keys.ts';
import type { SharedResult, SharedStorage, SharedWrite, StoredValue, WriteResult } from '../storage.ts';
import { createConnection } from './connection.ts';
import { etcdFailure, isCompacted } from './failures.ts';
import type { EtcdTls } from './grpc.ts';
import { createLeases } from './leases.ts';
import {
  compactRequest,
  endOfPrefix,
  type KeyWrite,
  type RangeResponse,
  rangeRequest,
  readRange,
  readTxn,
  writeRequest,
} from './messages.ts';
import { startWatcher, type Watcher } from './watcher.ts';

export interface EtcdOptions {
  /** `https://HOST:PORT` of the members, in order of preference. */
  endpoints: readonly string[];
  /** PEM. */
  tls?: EtcdTls;
  /** Takes the place of `/registry/`. Upstream: `--etcd-prefix`. */
  prefix?: string;
  /** Milliseconds to go on asking for a member that answers, at opening. Default 0. */
  patience?: number;
}

const retryMilliseconds = 100;
/** So many values of a range come at once. */
const pageSize = 5_000;
const method = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
} as const;

/**
 * {@link Storage} in etcd's v3 API, which may serve several apiservers at once. Reads are linearizable, writes
 * conditional on the key's last revision. While etcd is away, calls reject with code 500 and etcd's words, and
 * watches wait.
 *
 * @throws StatusError when no member answers
 */
export async function openEtcdStorage({
  endpoints,
  tls = {},
  prefix = root,
  patience = 0,
}: EtcdOptions): Promise<SharedStorage> {
  const connection = createConnection(endpoints, tls);
  const leases = createLeases(connection);
  const watchers = new Set<Watcher>();
  let healthy = true;
  let closed = false;

  const own = prefix.endsWith('/') ? prefix : `${prefix}/`;
  const outside = (key: string) => own + key.slice(root.length);
  const inside = (key: string) => root + key.slice(own.length);

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    if (closed)
      throw statusError('ServiceUnavailable', 'the connection to etcd is closed: the apiserver is stopping');
    try {
      const result = await work();
      healthy = true;
      return result;
    } catch (error) {
      if (!isCompacted(error)) healthy = false;
      throw etcdFailure(error);
    }
  }

  async function page(request: Parameters<typeof rangeRequest>[0]): Promise<RangeResponse> {
    return readRange(await connection.ask(method.range, rangeRequest(request), { repeatable: true }));
  }

  const latest = async () => (await page({ key: own, countOnly: true })).revision;

  const write = (writes: readonly SharedWrite[]) =>
    attempt(async (): Promise<SharedResult> => {
      const requests = await Promise.all(
        writes.map(
          async ({ key, value, expected, ttl }): Promise<KeyWrite> => ({
            key: outside(key),
            expected,
            ...(value ? { value } : {}),
            ...(ttl === undefined ? {} : { lease: await leases.lasting(ttl) }),
          }),
        ),
      );
      const { revision, succeeded, found } = readTxn(
        await connection.ask(method.txn, writeRequest(requests)),
      );
      if (!succeeded) return { ok: false, revisions: found.map((one) => one?.modRevision ?? 0) };
      await Promise.all([...watchers].map((watcher) => watcher.reached(revision)));
      return { ok: true, revisions: writes.map(() => revision) };
    });

  async function writeOne(one: SharedWrite): Promise<WriteResult> {
    const { ok, revisions } = await write([one]);
    return { ok, revision: revisions[0] ?? 0 };
  }

  const deadline = performance.now() + patience;
  for (;;) {
    try {
      await attempt(latest);
      break;
    } catch (error) {
      if (performance.now() < deadline) {
        await delay(retryMilliseconds);
        continue;
      }
      connection.close();
      throw error;
    }
  }

  return {
    latest: () => attempt(latest),
    range: (prefix) =>
      attempt(async () => {
        const end = endOfPrefix(outside(prefix));
        const values: StoredValue[] = [];
        let revision = 0;
        for (let key = outside(prefix), more = true; more; ) {
          // Later pages show the state of the first one's moment.
          const part = await page({ key, end, limit: pageSize, revision });
          revision ||= part.revision;
          for (const { key, value, modRevision } of part.values)
            values.push({ key: inside(key), value, revision: modRevision });
          more = part.more;
          key = `${part.values.at(-1)?.key}\0`;
        }
        return { revision, values };
      }),
    write,
    put: (key, value, expected, options = {}) => writeOne({ key, value, expected, ...options }),
    // Nobody can remove what is not there; to etcd that would be a success.
    async delete(key, expected) {
      if (expected > 0) return writeOne({ key, expected });
      const { values } = await attempt(() => page({ key: outside(key) }));
      return { ok: false, revision: values[0]?.modRevision ?? 0 };
    },
    watch: (prefix, after, receive, ended) =>
      attempt(async () => {
        const wanted = outside(prefix);
        const now = await latest();
        let started = false;
        const watcher = startWatcher({
          connection,
          after,
          previousUpTo: now,
          receive(changes, revision) {
            const ours = changes
              .filter(({ key }) => key.startsWith(wanted))
              .map((change) => ({
                ...change,
                key: inside(change.key),
                ...(change.previous ? { previous: { ...change.previous, key: inside(change.key) } } : {}),
              }));
            receive(ours, revision);
          },
          ended(error) {
            watchers.delete(watcher);
            // One that fails while history is read says so by rejecting.
            if (started) ended?.(error);
          },
        });
        watchers.add(watcher);
        await watcher.reached(now);
        started = true;
        return () => {
          watchers.delete(watcher);
          watcher.stop();
        };
      }),
    compact: (revision) =>
      attempt(() => connection.ask(method.compact, compactRequest(revision))).then(
        () => undefined,
        (error: unknown) => {
          // Another apiserver was faster.
          if (!/has been compacted/.test(String(error))) throw error;
        },
      ),
    healthy: () => healthy,
    async close() {
      closed = true;
      for (const watcher of watchers) watcher.stop();
      connection.close();
    },
  };
}
