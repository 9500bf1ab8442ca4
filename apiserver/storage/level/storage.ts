import { StatusError, statusError } from '../../../api/status.ts';
import type { Storage, StoredChange, StoredValue, WriteResult } from '../storage.ts';
import { createGroupCommit } from './commit.ts';
import { openDatabase, reason, remedy } from './database.ts';
import type { History, HistoryEntry } from './history.ts';
import type { LogRecord } from './records.ts';
import { openWatermark, type Watermark } from './watermark.ts';

/** Bytes of a key with its value, as etcd takes them. Upstream: `DefaultMaxRequestBytes` of etcd. */
const largestWrite = 1.5 * 1024 * 1024;

interface Operation {
  key: string;
  /** Absent: a removal. */
  value?: Buffer;
  expected: number;
  resolve(result: WriteResult): void;
  reject(error: unknown): void;
}

interface Watcher {
  prefix: string;
  receive(changes: readonly StoredChange[], revision: number): void;
}

/**
 * {@link Storage} in a LevelDB folder. A write is acknowledged after fsync; writes that come together
 * share one. Where a write fails (disk full, read-only), memory stays as the disk has it, and the next
 * write opens the database anew: LevelDB itself refuses all writes after a failed one.
 *
 * @throws Error naming the folder when the database is corrupt, locked or unreadable
 */
export async function openLevelStorage(folder: string): Promise<Storage> {
  let database = await openDatabase(folder);
  let history: History;
  let watermark: Watermark;
  try {
    watermark = openWatermark(folder);
    history = await database.readHistory(watermark.found);
  } catch (error) {
    await database.close();
    throw new Error(`the database in ${folder} is corrupt: ${reason(error)}; ${remedy}`);
  }
  const watchers = new Set<Watcher>();
  /** What a compaction could not remove. */
  let leftover: LogRecord[] = [];
  let broken = false;
  let closed = false;
  const commit = createGroupCommit<Operation>(write);

  /** One batch, one fsync: decide, write, then (and only then) change memory, tell watchers, answer. */
  async function write(operations: Operation[]): Promise<void> {
    try {
      if (broken) await reopen();
    } catch (error) {
      for (const operation of operations) operation.reject(diskFailure(error));
      return;
    }
    const accepted = decide(operations);
    if (accepted.length === 0) return;
    try {
      await database.append(
        accepted.map(({ record, operation }) => ({ record, value: operation.value ?? Buffer.alloc(0) })),
      );
    } catch (error) {
      broken = true;
      for (const { operation } of accepted) operation.reject(diskFailure(error));
      return;
    }
    watermark.raise(accepted.at(-1)?.record.revision ?? 0);
    publish(accepted.map(({ record, operation }) => change(history.append(record), operation.value)));
    for (const { record, operation } of accepted) operation.resolve({ ok: true, revision: record.revision });
  }

  /** Gives revisions to the operations whose expectation holds; answers the others at once. */
  function decide(operations: Operation[]): { operation: Operation; record: LogRecord }[] {
    const within = new Map<string, number>();
    const accepted: { operation: Operation; record: LogRecord }[] = [];
    let { revision } = history;
    for (const operation of operations) {
      const { key, expected } = operation;
      const actual = within.get(key) ?? history.current.get(key) ?? 0;
      if (actual !== expected || (!operation.value && actual === 0)) {
        operation.resolve({ ok: false, revision: actual });
        continue;
      }
      const record = { revision: ++revision, key, removed: !operation.value };
      within.set(key, record.removed ? 0 : record.revision);
      accepted.push({ operation, record });
    }
    return accepted;
  }

  function publish(changes: StoredChange[]): void {
    for (const { prefix, receive } of watchers) {
      const wanted = changes.filter(({ key }) => key.startsWith(prefix));
      if (wanted.length > 0) receive(wanted, history.revision);
    }
  }

  /** A failed write may still have reached the disk: what the log has beyond memory counts. */
  async function reopen(): Promise<void> {
    await database.close();
    database = await openDatabase(folder);
    await database.readHistory(history.revision);
    const missed = await database.readRecords(history.revision + 1);
    const values = await database.readValues(missed);
    publish(missed.map((record, index) => change(history.append(record), values[index])));
    broken = false;
  }

  async function readStored(records: readonly LogRecord[]): Promise<StoredValue[]> {
    const values = await database.readValues(records).catch((error: unknown) => {
      throw new Error(`cannot read the database in ${folder}: ${reason(error)}`, { cause: error });
    });
    return records.map(({ key, revision }, index) => {
      const value = values[index];
      if (!value) throw new Error(`the database in ${folder} has lost revision ${revision} of ${key}`);
      return { key, revision, value };
    });
  }

  async function readChanges(entries: readonly HistoryEntry[]): Promise<StoredChange[]> {
    const values = await database.readValues(entries);
    const earlier = entries.filter(({ previous }) => previous > 0);
    const previous = await readStored(
      earlier.map(({ key, previous }) => ({ key, revision: previous, removed: false })),
    );
    const byRevision = new Map(earlier.map(({ revision }, index) => [revision, previous[index]]));
    return entries.map((entry, index) => {
      const before = byRevision.get(entry.revision);
      return { ...change(entry, values[index]), ...(before ? { previous: before } : {}) };
    });
  }

  const submit = (key: string, value: Buffer | undefined, expected: number): Promise<WriteResult> =>
    new Promise((resolve, reject) => {
      if (closed)
        reject(statusError('ServiceUnavailable', 'the database is closed: the apiserver is stopping'));
      else commit.add({ key, ...(value ? { value } : {}), expected, resolve, reject });
    });

  return {
    latest: () => history.revision,
    async range(prefix) {
      const { revision } = history;
      const records = [...history.current]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, revision]) => ({ key, revision, removed: false }));
      return { revision, values: await readStored(records) };
    },
    async put(key, value, expected) {
      if (key.length + value.length > largestWrite)
        throw statusError('InternalError', 'etcdserver: request is too large', {});
      return submit(key, value, expected);
    },
    delete: (key, expected) => submit(key, undefined, expected),
    async watch(prefix, after, receive) {
      if (after < history.compacted) throw compactedAway(after, history.compacted);
      const waiting: StoredChange[] = [];
      let caughtUp = false;
      const watcher: Watcher = {
        prefix,
        receive: (changes, revision) => (caughtUp ? receive(changes, revision) : waiting.push(...changes)),
      };
      const past = history.since(after).filter(({ key }) => key.startsWith(prefix));
      watchers.add(watcher);
      try {
        const changes = past.length > 0 ? await readChanges(past) : [];
        const all = [...changes, ...waiting];
        caughtUp = true;
        if (all.length > 0) receive(all, all.at(-1)?.revision ?? after);
      } catch (error) {
        watchers.delete(watcher);
        throw error;
      }
      return () => watchers.delete(watcher);
    },
    async compact(revision) {
      await commit.idle();
      if (broken || revision <= history.compacted) return;
      leftover = [...leftover, ...history.compact(Math.min(revision, history.revision))];
      await database.forget(leftover, history);
      leftover = [];
    },
    healthy: () => !broken,
    async close() {
      closed = true;
      await commit.idle();
      watchers.clear();
      watermark.close();
      await database.close();
    },
  };
}

function change({ key, revision }: HistoryEntry, value: Buffer | undefined): StoredChange {
  return { key, revision, ...(value && value.length > 0 ? { value } : {}) };
}

/** Upstream: `etcdserver: mvcc: required revision has been compacted` as the apiserver words it. */
export function compactedAway(asked: number, oldest: number): StatusError {
  return statusError('Expired', `too old resource version: ${asked} (${oldest})`);
}

function diskFailure(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return statusError(
    'InternalError',
    `Internal error occurred: the write was not stored: ${reason(error)}; free or remount the disk that holds the apiserver's data and try again`,
  );
}
