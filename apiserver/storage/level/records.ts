/**
 * The layout in `level`: one record a write, never overwritten, as in etcd's own backend.
 *
 * ```
 * r 000000000000002a + /registry/pods/default/web   → the value, sealed  (a put, at revision 42)
 * r 000000000000002b - /registry/pods/default/web   → a seal             (a removal, at revision 43)
 * compacted                                          → "40"
 * latest                                             → "43"  (only written by compaction)
 * kept                                               → "12 271828"  (the same: a tally of what is left up to 40)
 * sealed                                             → "1"   (from this revision on, values end in a checksum)
 * ```
 *
 * The key alone tells what happened, so that opening reads no values.
 */
export interface LogRecord {
  revision: number;
  key: string;
  removed: boolean;
}

export const compactedKey = 'compacted';
/** The current revision at the last compaction: it may have removed the record that carried it. */
export const revisionKey = 'latest';
/** See `tally`. */
export const keptKey = 'kept';
/** See `seal`. */
export const sealedKey = 'sealed';
export const firstRecord = 'r';
export const afterLastRecord = 's';

const digits = 16;

export function recordKey({ revision, key, removed }: LogRecord): string {
  return `r${revision.toString(16).padStart(digits, '0')}${removed ? '-' : '+'}${key}`;
}

export function parseRecordKey(text: string): LogRecord {
  const revision = Number.parseInt(text.slice(1, digits + 1), 16);
  const mark = text[digits + 1];
  if (!Number.isSafeInteger(revision) || (mark !== '+' && mark !== '-')) {
    throw new Error(`unknown record ${JSON.stringify(text)}`);
  }
  return { revision, key: text.slice(digits + 2), removed: mark === '-' };
}
