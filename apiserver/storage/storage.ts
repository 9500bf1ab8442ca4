/**
 * What the apiserver asks of a database: a map from keys to values under one global, ever-growing
 * revision, with conditional writes and a change log. The shape is etcd's (v3 API: `Range`, `Txn`,
 * `Watch`, `Compact`), so that etcd can stand behind it unchanged.
 *
 * Keys are upstream's (`/registry/pods/default/web`), values are objects as JSON without
 * `metadata.resourceVersion`: that is the revision of the last write of the key.
 */
export interface Storage {
  /**
   * The revision that a reader must at least see who asks now. A promise where others write to the same
   * database: then it takes asking.
   */
  latest(): number | Promise<number>;
  /** Everything under a prefix, in key order, and the revision at which that was true. */
  range(prefix: string): Promise<{ revision: number; values: StoredValue[] }>;
  /**
   * Writes when the key's last revision is `expected` (0: the key must not exist). Resolves after the
   * write is on disk, and after every watcher in this process has been told. Rejects with a
   * `StatusError` when the disk refuses; nothing has changed then. Where an answer of a database elsewhere was
   * lost, something may have.
   */
  put(key: string, value: Buffer, expected: number, options?: PutOptions): Promise<WriteResult>;
  /** Removes when the key's last revision is `expected`; otherwise as {@link Storage.put}. */
  delete(key: string, expected: number): Promise<WriteResult>;
  /**
   * Every change under `prefix` with a revision above `after`, in order, history first. Rejects with
   * 410 Expired when that history is compacted away. `receive` must not throw; it is told up to which revision
   * it has heard everything, at times without a change. `ended` is called when a watch cannot go on: what it
   * missed, while the database could not be reached, is compacted away.
   */
  watch(
    prefix: string,
    after: number,
    receive: (changes: readonly StoredChange[], revision: number) => void,
    ended?: (error: Error) => void,
  ): Promise<StopWatch>;
  /** Forgets history up to and including `revision`; current values stay. */
  compact(revision: number): Promise<void>;
  /** False from a write that the database refused until one that it took. */
  healthy(): boolean;
  /** Finishes writes under way and lets go of the files. */
  close(): Promise<void>;
}

/** A storage that several apiservers may serve one cluster from. */
export interface SharedStorage extends Storage {
  /** All of the writes, or, where one of the expectations is wrong, none of them. */
  write(writes: readonly SharedWrite[]): Promise<SharedResult>;
}

export interface SharedWrite extends PutOptions {
  key: string;
  /** Absent: the key is removed. */
  value?: Buffer;
  /** As of {@link Storage.put}. */
  expected: number;
}

/** `revisions` are in the order of the writes: of this write, or of what was there instead (0: nothing). */
export type SharedResult = { ok: boolean; revisions: number[] };

export interface PutOptions {
  /** Seconds after which the key goes by itself, where the database can do that. */
  ttl?: number;
}

export interface StoredValue {
  key: string;
  value: Buffer;
  /** Revision of the last write. */
  revision: number;
}

/** `ok: false` when the expectation was wrong; `revision` is then the key's own (0: absent). */
export type WriteResult = { ok: boolean; revision: number };

export interface StoredChange {
  key: string;
  revision: number;
  /** Absent when the key was removed. */
  value?: Buffer;
  /** The value before; absent when the key was new. */
  previous?: StoredValue;
}

export type StopWatch = () => void;
