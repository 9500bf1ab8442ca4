/** What came over a connection, taken apart into messages. */
export interface Inbox {
  /** Takes the next bytes of the stream, which are not copied until {@link settle}. */
  add(chunk: Buffer): void;
  /** The next message without its length, if it is whole; it is to be used before {@link add} is called again. */
  next(): Buffer | undefined;
  /** To be called when no more messages are taken for now: how many bytes are kept for later. */
  settle(): number;
}

const nothing: Buffer = Buffer.alloc(0);

/** Messages with a length of two bytes before each (RFC 1035 4.2.2). */
export function createInbox(): Inbox {
  let bytes = nothing;
  let start = 0;
  let end = 0;
  /** `bytes` is a chunk, the memory of which is not ours to add to. */
  let isBorrowed = false;

  return {
    add(chunk) {
      if (start === end) {
        bytes = chunk;
        start = 0;
        end = chunk.length;
        isBorrowed = true;
        return;
      }
      const length = end - start;
      if (isBorrowed || end + chunk.length > bytes.length) {
        // Twice as much as is needed: a message that comes byte by byte is not copied for each of them.
        const room = Buffer.allocUnsafeSlow(2 * (length + chunk.length));
        bytes.copy(room, 0, start, end);
        bytes = room;
        start = 0;
        isBorrowed = false;
      }
      end = start + length;
      end += chunk.copy(bytes, end);
    },
    next() {
      if (end - start < 2) return undefined;
      const after = start + 2 + bytes.readUInt16BE(start);
      if (after > end) return undefined;
      const message = bytes.subarray(start + 2, after);
      start = after;
      return message;
    },
    settle() {
      if (start === end) {
        bytes = nothing;
        start = end = 0;
      } else if (isBorrowed) {
        // A rest of few bytes would hold the memory of the whole chunk.
        bytes = Buffer.from(bytes.subarray(start, end));
        end -= start;
        start = 0;
        isBorrowed = false;
      }
      return bytes.length;
    },
  };
}
