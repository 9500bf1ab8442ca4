import { atRevision, type Entry, type EventType, encodeFrame } from './entry.ts';

export type { EventType } from './entry.ts';

/** One write as watchers see it. At least one of `now` and `before` is there. */
export interface Change {
  readonly revision: number;
  /** Absent when the object was removed. */
  readonly now: Entry | undefined;
  /** Absent when the object is new. */
  readonly before: Entry | undefined;
  /** What an event of that type carries: the last state, for DELETED under this change's revision. */
  entry(type: EventType): Entry;
  /** The line of the stream, encoded once for all watchers. */
  frame(type: EventType): Buffer;
  /** The same in another form, which `form` stands for: encoded once for all who are told of it at once. */
  frameIn(form: object, type: EventType, encode: (entry: Entry) => Buffer): Buffer;
  /** Lets go of what can be made again: those who watch have been told. */
  settle(): void;
}

export function createChange(revision: number, now: Entry | undefined, before: Entry | undefined): Change {
  /** By form, and by type; mostly there are none. */
  let frames: Map<object, Map<EventType, Buffer>> | undefined;
  let gone: Entry | undefined;

  function entry(type: EventType): Entry {
    if (type !== 'DELETED' && now) return now;
    if (!before) throw new Error(`a ${type} event at revision ${revision} has no object`);
    gone ??= atRevision(before, revision);
    return gone;
  }

  function frameIn(form: object, type: EventType, encode: (entry: Entry) => Buffer): Buffer {
    frames ??= new Map();
    const known = frames.get(form) ?? new Map<EventType, Buffer>();
    frames.set(form, known);
    const bytes = known.get(type) ?? encode(entry(type));
    known.set(type, bytes);
    return bytes;
  }

  return {
    revision,
    now,
    before,
    entry,
    frameIn,
    frame(type) {
      const { frame } = entry(type);
      return frame.type === type ? frame.bytes : frameIn(json, type, (one) => frameOf(type, one));
    },
    settle() {
      frames = undefined;
      gone = undefined;
      before?.release();
    },
  };
}

const json = {};

/** The line of a watch that tells of an object as an event of that type. */
export function frameOf(type: EventType, { frame, wire }: Entry): Buffer {
  return frame.type === type ? frame.bytes : encodeFrame(type, [wire]).frame.bytes;
}

/**
 * Which event, if any, a watcher sees that looks at part of a collection: an object that comes to match
 * is ADDED to it, one that ceases to match is DELETED from it.
 */
export function eventType(change: Change, matches: (entry: Entry) => boolean): EventType | undefined {
  const is = change.now !== undefined && matches(change.now);
  const was = change.before !== undefined && matches(change.before);
  if (is) return was ? 'MODIFIED' : 'ADDED';
  return was ? 'DELETED' : undefined;
}
