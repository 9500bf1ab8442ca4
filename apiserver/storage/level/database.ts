import { mkdir } from 'node:fs/promises';
import { Level } from 'level';
import { createHistory, type History } from './history.ts';
import { checkComplete, lost, seal, tally, unseal } from './integrity.ts';
import {
  afterLastRecord,
  compactedKey,
  firstRecord,
  keptKey,
  type LogRecord,
  parseRecordKey,
  recordKey,
  revisionKey,
  sealedKey,
} from './records.ts';

/** A LevelDB that holds a log of {@link LogRecord}s; what it gives is what was written. */
export interface LevelDatabase {
  /** All that is in it, checked. @throws Error that says what is missing or damaged */
  readHistory(acknowledged: number): Promise<History>;
  readRecords(from: number): Promise<LogRecord[]>;
  /** In the order of the records. @throws Error naming a value that is not as it was written */
  readValues(records: readonly LogRecord[]): Promise<(Buffer | undefined)[]>;
  /** One fsync. */
  append(entries: readonly { record: LogRecord; value: Buffer }[]): Promise<void>;
  /** Removes what compaction left over. `history` is as after it. */
  forget(dead: readonly LogRecord[], history: History): Promise<void>;
  close(): Promise<void>;
}

/** @throws Error naming the folder when the database is corrupt, locked or unreadable */
export async function openDatabase(folder: string): Promise<LevelDatabase> {
  const level: Level<string, Buffer> = new Level(folder, { valueEncoding: 'buffer' });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await level.open();
  } catch (error) {
    throw openFailure(folder, error);
  }
  /** Records from here on have a checksum. */
  let sealedFrom = 0;
  let sealedStored = false;
  let tallied = false;
  const text = (key: string, value: string) => ({ type: 'put' as const, key, value: Buffer.from(value) });

  const database: LevelDatabase = {
    async readHistory(acknowledged) {
      const [compacted, revision, kept, sealed] = await level.getMany([
        compactedKey,
        revisionKey,
        keptKey,
        sealedKey,
      ]);
      const state = {
        records: await database.readRecords(0),
        compacted: Number(compacted?.toString() ?? 0),
        latest: Number(revision?.toString() ?? 0),
        kept: kept?.toString(),
      };
      checkComplete(state);
      const history = createHistory(state.records, state.compacted, state.latest);
      if (history.revision < acknowledged) throw lost(history.revision + 1, acknowledged);
      tallied = kept !== undefined;
      sealedStored = sealed !== undefined;
      sealedFrom = sealedStored ? Number(sealed?.toString()) : history.revision + 1;
      return history;
    },
    async readRecords(from) {
      const start = from === 0 ? firstRecord : recordKey({ revision: from, key: '', removed: false });
      return (await level.keys({ gte: start, lt: afterLastRecord }).all()).map(parseRecordKey);
    },
    async readValues(records) {
      const found: (Buffer | undefined)[] = [];
      // LevelDB holds all of an answer once more.
      for (let from = 0; from < records.length; from += most) {
        const part = records.slice(from, from + most);
        const values = await level.getMany(part.map(recordKey));
        for (const [index, record] of part.entries()) {
          const value = values[index];
          found.push(value && unseal(record, value, sealedFrom));
        }
      }
      return found;
    },
    async append(entries) {
      await level.batch(
        [
          ...(sealedStored ? [] : [text(sealedKey, String(sealedFrom))]),
          ...entries.map(({ record, value }) => ({
            type: 'put' as const,
            key: recordKey(record),
            value: seal(record, value),
          })),
        ],
        { sync: true },
      );
      sealedStored = true;
    },
    async forget(dead, { compacted, revision, current }) {
      const left = [...current]
        .filter(([, at]) => at <= compacted)
        .map(([key, revision]) => ({ key, revision, removed: false }));
      // Earlier versions may have left something behind when a compaction failed.
      const live = new Set(left.map(recordKey));
      const before = tallied
        ? []
        : (await database.readRecords(0)).filter((one) => one.revision <= compacted);
      const stale = before.filter((record) => !live.has(recordKey(record)));
      await level.batch([
        ...[...dead, ...stale].map((record) => ({ type: 'del' as const, key: recordKey(record) })),
        text(compactedKey, String(compacted)),
        text(revisionKey, String(revision)),
        text(keptKey, tally(left)),
      ]);
      tallied = true;
    },
    close: () => level.close(),
  };
  return database;
}

/** Values that are read at once. */
const most = 500;

function openFailure(folder: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const hint =
    code === 'LEVEL_LOCKED'
      ? 'another apiserver has it open'
      : code === 'LEVEL_CORRUPTION'
        ? `it is corrupt; ${remedy}`
        : 'its disk is full, or it is not readable and writable';
  return new Error(`cannot open the database in ${folder}: ${hint}: ${reason(cause)}`, { cause });
}

/** What to do about a database that is not whole. */
export const remedy =
  'restore it from a snapshot (v9s snapshot restore) or a copy, or remove the folder to start an empty cluster';

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
