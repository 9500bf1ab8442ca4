import { mkdir } from 'node:fs/promises';
import { Level } from 'level';
import { StatusError, statusError } from '../../../api/status.ts';
import type { Storage, StoredChange, StoredValue, WriteResult } from '../storage.ts';
import { createGroupCommit } from './commit.ts';
import { createHistory, type History, type HistoryEntry } from './history.ts';
import {
  afterLastRecord,
  compactedKey,
  firstRecord,
  type LogRecord,
  parseRecordKey,
  recordKey,
  revisionKey,
} from './records.ts';

type Database = Level<string, Buffer>;

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
  try {
    history = await readHistory(database);
  } catch (error) {
    await database.close();
    throw new Error(
      `the database in ${folder} is corrupt: ${reason(error)}; restore it from a copy, or remove the folder to start an empty cluster`,
    );
  }
  const watchers = new Set<Watcher>();
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
      await database.batch(
        accepted.map(({ record, operation }) => ({
          type: 'put',
          key: recordKey(record),
          value: operation.value ?? Buffer.alloc(0),
        })),
        { sync: true },
      );
    } catch (error) {
      broken = true;
      for (const { operation } of accepted) operation.reject(diskFailure(error));
      return;
    }
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
    const missed = await readRecords(database, history.revision + 1);
    const values = await readValues(database, missed);
    publish(missed.map((record, index) => change(history.append(record), values[index])));
    broken = false;
  }

  async function readStored(records: readonly LogRecord[]): Promise<StoredValue[]> {
    const values = await readValues(database, records).catch((error: unknown) => {
      throw new Error(`cannot read the database in ${folder}: ${reason(error)}`, { cause: error });
    });
    return records.map(({ key, revision }, index) => {
      const value = values[index];
      if (!value) throw new Error(`the database in ${folder} has lost revision ${revision} of ${key}`);
      return { key, revision, value };
    });
  }

  async function readChanges(entries: readonly HistoryEntry[]): Promise<StoredChange[]> {
    const values = await readValues(database, entries);
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
    put: (key, value, expected) => submit(key, value, expected),
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
      const dead = history.compact(Math.min(revision, history.revision));
      await database.batch([
        ...dead.map((record) => ({ type: 'del' as const, key: recordKey(record) })),
        { type: 'put' as const, key: compactedKey, value: Buffer.from(String(history.compacted)) },
        { type: 'put' as const, key: revisionKey, value: Buffer.from(String(history.revision)) },
      ]);
    },
    healthy: () => !broken,
    async close() {
      closed = true;
      await commit.idle();
      watchers.clear();
      await database.close();
    },
  };
}

function change({ key, revision }: HistoryEntry, value: Buffer | undefined): StoredChange {
  return { key, revision, ...(value && value.length > 0 ? { value } : {}) };
}

async function openDatabase(folder: string): Promise<Database> {
  const database: Database = new Level(folder, { valueEncoding: 'buffer' });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await database.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const hint =
      code === 'LEVEL_LOCKED'
        ? 'another apiserver has it open'
        : code === 'LEVEL_CORRUPTION'
          ? 'it is corrupt; restore it from a copy, or remove the folder to start an empty cluster'
          : 'its disk is full, or it is not readable and writable';
    throw new Error(`cannot open the database in ${folder}: ${hint}: ${reason(cause)}`, { cause });
  }
  return database;
}

async function readHistory(database: Database): Promise<History> {
  const [compacted, revision] = await database.getMany([compactedKey, revisionKey]);
  return createHistory(
    await readRecords(database, 0),
    Number(compacted?.toString() ?? 0),
    Number(revision?.toString() ?? 0),
  );
}

async function readRecords(database: Database, from: number): Promise<LogRecord[]> {
  const start = from === 0 ? firstRecord : recordKey({ revision: from, key: '', removed: false });
  return (await database.keys({ gte: start, lt: afterLastRecord }).all()).map(parseRecordKey);
}

function readValues(database: Database, records: readonly LogRecord[]): Promise<(Buffer | undefined)[]> {
  return database.getMany(records.map(recordKey));
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

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
