import { crc32 } from 'node:zlib';
import { type LogRecord, recordKey } from './records.ts';

/**
 * LevelDB takes what it can read of a damaged file and says nothing of the rest, so that what it gives is
 * checked here: that values are as they were written, that no revision is missing, and that none is missing at
 * the end (`watermark.ts`).
 */

/** Marks the end of a value: JSON never holds this byte. */
const mark = 0;
const sealLength = 5;

/** The value with a checksum over the record's name and itself. */
export function seal(record: LogRecord, value: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(value.length + sealLength);
  value.copy(sealed);
  sealed[value.length] = mark;
  sealed.writeUInt32BE(checksum(record, value), value.length + 1);
  return sealed;
}

/**
 * The value without its checksum. Records before `sealedFrom` were written when there were none.
 * @throws Error where it is not what was written
 */
export function unseal(record: LogRecord, sealed: Buffer, sealedFrom: number): Buffer {
  const length = sealed.length - sealLength;
  if (length < 0 || sealed[length] !== mark) {
    if (record.revision < sealedFrom) return sealed;
    throw new Error(`revision ${record.revision} of ${record.key} is cut off`);
  }
  const value = sealed.subarray(0, length);
  if (sealed.readUInt32BE(length + 1) !== checksum(record, value))
    throw new Error(`revision ${record.revision} of ${record.key} does not have its checksum`);
  return value;
}

const checksum = (record: LogRecord, value: Buffer): number => crc32(value, crc32(recordKey(record)));

/** What compaction left: how many records, and a sum over their names. */
export function tally(records: Iterable<LogRecord>): string {
  let count = 0;
  let sum = 0;
  for (const record of records) {
    count++;
    sum = (sum + crc32(recordKey(record))) % 2 ** 32;
  }
  return `${count} ${sum}`;
}

export interface LogState {
  /** All, in order of revision. */
  records: readonly LogRecord[];
  /** History up to it was forgotten. */
  compacted: number;
  /** The current revision at the last compaction. */
  latest: number;
  /** {@link tally} of the records up to `compacted`, as the last compaction left them; absent in older databases. */
  kept: string | undefined;
}

/** @throws Error that names the revisions that are missing */
export function checkComplete({ records, compacted, latest, kept }: LogState): void {
  const old = records.filter(({ revision }) => revision <= compacted);
  if (kept !== undefined && tally(old) !== kept) {
    const [expected] = kept.split(' ');
    throw new Error(
      `of ${expected} records up to revision ${compacted} there are ${old.length}, not all of them the same`,
    );
  }
  let last = compacted;
  for (const { revision } of records.slice(old.length)) {
    if (revision !== last + 1) throw lost(last + 1, revision - 1);
    last = revision;
  }
  if (last < latest) throw lost(last + 1, latest);
}

/** Of what was acknowledged. */
export function lost(from: number, to: number): Error {
  const which = from === to ? `revision ${from} is` : `revisions ${from} to ${to} are`;
  return new Error(`${which} missing, which had been acknowledged`);
}
