import type { LogRecord } from './records.ts';

/** One write, and the revision of the value it replaced (0: there was none). */
export interface HistoryEntry extends LogRecord {
  previous: number;
}

/**
 * What is in the log, without the values: the last revision of every key, and the writes since the
 * last compaction in order.
 */
export interface History {
  readonly revision: number;
  readonly compacted: number;
  /** Last revision of every key that exists. */
  readonly current: ReadonlyMap<string, number>;
  append(record: LogRecord): HistoryEntry;
  /** Writes above `after`, oldest first. */
  since(after: number): HistoryEntry[];
  /** Marks history up to `revision` as forgotten; returns the records that nothing needs any more. */
  compact(revision: number): LogRecord[];
}

/** @param records all of the log, in order of revision, as read at opening */
export function createHistory(
  records: Iterable<LogRecord>,
  compactedAtStart: number,
  revisionAtStart: number,
): History {
  const current = new Map<string, number>();
  let entries: HistoryEntry[] = [];
  let compacted = compactedAtStart;
  let revision = compacted;

  function append(record: LogRecord): HistoryEntry {
    const entry = { ...record, previous: current.get(record.key) ?? 0 };
    if (record.removed) current.delete(record.key);
    else current.set(record.key, record.revision);
    if (record.revision > compacted) entries.push(entry);
    revision = Math.max(revision, record.revision);
    return entry;
  }

  for (const record of records) append(record);
  revision = Math.max(revision, revisionAtStart);

  return {
    current,
    append,
    get revision() {
      return revision;
    },
    get compacted() {
      return compacted;
    },
    since: (after) => entries.slice(firstAbove(entries, after)),
    compact(upTo) {
      const split = firstAbove(entries, upTo);
      const dead: LogRecord[] = [];
      for (const entry of entries.slice(0, split)) {
        if (entry.previous) dead.push({ revision: entry.previous, key: entry.key, removed: false });
        if (entry.removed) dead.push(entry);
      }
      entries = entries.slice(split);
      compacted = Math.max(compacted, upTo);
      return dead;
    },
  };
}

/** Index of the first entry with a revision above `revision`; entries are in order. */
function firstAbove(entries: readonly HistoryEntry[], revision: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.revision ?? 0) > revision) high = middle;
    else low = middle + 1;
  }
  return low;
}
