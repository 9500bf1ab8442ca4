import { atRevision, type Entry } from './entry.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

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
}

const lineEnd = Buffer.from('}\n');

export function createChange(revision: number, now: Entry | undefined, before: Entry | undefined): Change {
  const frames = new Map<EventType, Buffer>();
  let gone: Entry | undefined;

  function entry(type: EventType): Entry {
    if (type !== 'DELETED' && now) return now;
    if (!before) throw new Error(`a ${type} event at revision ${revision} has no object`);
    gone ??= atRevision(before, revision);
    return gone;
  }

  return {
    revision,
    now,
    before,
    entry,
    frame(type) {
      let frame = frames.get(type);
      if (!frame) {
        frame = encodeFrame(type, entry(type));
        frames.set(type, frame);
      }
      return frame;
    },
  };
}

/** `{"type":"ADDED","object":…}` and a line feed. */
export function encodeFrame(type: EventType, entry: Entry): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), entry.wire, lineEnd]);
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
