import { createReader, type Reader, WireType } from '../../protobuf/reader.ts';

/**
 * The few messages of etcd's v3 API that a {@link Storage} needs, and of those the few fields.
 * Source: etcd `api/etcdserverpb/rpc.proto`, `api/mvccpb/kv.proto`.
 */
export interface KeyValue {
  key: string;
  value: Buffer;
  /** Revision of the last write. */
  modRevision: number;
}

export interface RangeResponse {
  /** Of the whole store, when it was read. */
  revision: number;
  values: KeyValue[];
  more: boolean;
}

export interface TxnResponse {
  revision: number;
  succeeded: boolean;
  /** Where it did not succeed: what the keys hold, in order. */
  found: (KeyValue | undefined)[];
}

export interface WatchEvent {
  removed: boolean;
  now: KeyValue;
  previous: KeyValue | undefined;
}

export interface WatchResponse {
  revision: number;
  created: boolean;
  canceled: boolean;
  /** Above 0 when the watch began before it. */
  compactRevision: number;
  cancelReason: string;
  events: WatchEvent[];
}

/** The whole key space, as a range. */
export const everything = { key: '\0', end: '\0' } as const;

/** The end of the range of all keys with a prefix. */
export function endOfPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

export function rangeRequest(of: {
  key: string;
  end?: Buffer;
  limit?: number;
  revision?: number;
  countOnly?: boolean;
}): Buffer {
  return message(
    text(1, of.key),
    of.end ? bytes(2, of.end) : none,
    number(3, of.limit ?? 0),
    number(4, of.revision ?? 0),
    number(9, of.countOnly ? 1 : 0),
  );
}

export function readRange(body: Buffer): RangeResponse {
  const response: RangeResponse = { revision: 0, values: [], more: false };
  read(body, {
    1: (reader) => {
      response.revision = readHeader(reader.bytes());
    },
    2: (reader) => void response.values.push(readKeyValue(reader.bytes())),
    3: (reader) => {
      response.more = reader.varint() !== 0;
    },
  });
  return response;
}

/** One of the writes of a transaction: puts, or without a value removes. */
export interface KeyWrite {
  key: string;
  value?: Buffer;
  /** The key's last revision, 0 where it must not exist. */
  expected: number;
  lease?: number;
}

/** Does all writes when every key's last revision is the expected one; otherwise reads those keys. */
export function writeRequest(writes: readonly KeyWrite[]): Buffer {
  // Compare.target MOD, Compare.mod_revision; the result EQUAL is 0.
  const compares = writes.map(({ key, expected }) =>
    bytes(1, message(number(2, 2), text(3, key), number(6, expected, true))),
  );
  const successes = writes.map(({ key, value, lease = 0 }) =>
    value
      ? bytes(2, message(bytes(2, message(text(1, key), bytes(2, value), number(3, lease)))))
      : bytes(2, message(bytes(3, message(text(1, key))))),
  );
  const failures = writes.map(({ key }) => bytes(3, message(bytes(1, rangeRequest({ key })))));
  return message(...compares, ...successes, ...failures);
}

export function readTxn(body: Buffer): TxnResponse {
  const response: TxnResponse = { revision: 0, succeeded: false, found: [] };
  read(body, {
    1: (reader) => {
      response.revision = readHeader(reader.bytes());
    },
    2: (reader) => {
      response.succeeded = reader.varint() !== 0;
    },
    3: (reader) =>
      read(reader.bytes(), {
        1: (range) => {
          response.found.push(readRange(range.bytes()).values[0]);
        },
      }),
  });
  return response;
}

/** @param revision of the first change wanted */
export function watchRequest(revision: number, previous: boolean): Buffer {
  const { key, end } = everything;
  return message(
    bytes(1, message(text(1, key), text(2, end), number(3, revision), number(6, previous ? 1 : 0))),
  );
}

export function readWatch(body: Buffer): WatchResponse {
  const response: WatchResponse = {
    revision: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    events: [],
  };
  read(body, {
    1: (reader) => {
      response.revision = readHeader(reader.bytes());
    },
    3: (reader) => {
      response.created = reader.varint() !== 0;
    },
    4: (reader) => {
      response.canceled = reader.varint() !== 0;
    },
    5: (reader) => {
      response.compactRevision = reader.varint();
    },
    6: (reader) => {
      response.cancelReason = reader.bytes().toString();
    },
    11: (reader) => void response.events.push(readEvent(reader.bytes())),
  });
  return response;
}

export const compactRequest = (revision: number): Buffer => message(number(1, revision));
/** @param ttl seconds */
export const leaseGrantRequest = (id: number, ttl: number): Buffer => message(number(1, ttl), number(2, id));

/** A piece of a snapshot. */
export function readSnapshot(body: Buffer): { remaining: number; blob: Buffer } {
  const response: { remaining: number; blob: Buffer } = { remaining: 0, blob: none };
  read(body, {
    2: (reader) => {
      response.remaining = reader.varint();
    },
    3: (reader) => {
      response.blob = reader.bytes();
    },
  });
  return response;
}

function readEvent(body: Buffer): WatchEvent {
  const event: WatchEvent = {
    removed: false,
    now: { key: '', value: none, modRevision: 0 },
    previous: undefined,
  };
  read(body, {
    1: (reader) => {
      event.removed = reader.varint() === 1;
    },
    2: (reader) => {
      event.now = readKeyValue(reader.bytes());
    },
    3: (reader) => {
      event.previous = readKeyValue(reader.bytes());
    },
  });
  return event;
}

function readKeyValue(body: Buffer): KeyValue {
  const pair: KeyValue = { key: '', value: none, modRevision: 0 };
  read(body, {
    1: (reader) => {
      pair.key = reader.bytes().toString();
    },
    3: (reader) => {
      pair.modRevision = reader.varint();
    },
    5: (reader) => {
      pair.value = reader.bytes();
    },
  });
  return pair;
}

function readHeader(body: Buffer): number {
  let revision = 0;
  read(body, {
    3: (reader) => {
      revision = reader.varint();
    },
  });
  return revision;
}

function read(body: Buffer, fields: Record<number, (reader: Reader) => void>): void {
  const reader = createReader(body);
  for (const { number, wireType } of reader.fields()) {
    const field = fields[number];
    if (field) field(reader);
    else reader.skip(wireType);
  }
}

const none: Buffer = Buffer.alloc(0);
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + WireType.bytes), varint(value.length), value]);
}

/** Zero is the default, and left out but where a `oneof` says by its presence which it is. */
function number(field: number, value: number, always = false): Buffer {
  if (value === 0 && !always) return none;
  return Buffer.concat([varint(field * 8 + WireType.varint), varint(value)]);
}

function varint(value: number): Buffer {
  const digits: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    digits.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  digits.push(rest);
  return Buffer.from(digits);
}
