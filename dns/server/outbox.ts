import type { Socket } from 'node:net';

/** Replies that go to a connection together. */
export interface Outbox {
  /** Takes a copy. */
  add(reply: Buffer): void;
  /** To be called before anything else is sent by another one: they use the same memory. */
  flush(): void;
}

/** One message of the greatest length, with its length before it. */
const roomLength = 2 + 65_535;
let room = Buffer.allocUnsafeSlow(roomLength);

/** Writes messages with a length of two bytes before each (RFC 1035 4.2.2). */
export function createOutbox(socket: Socket): Outbox {
  let used = 0;

  function flush(): void {
    if (used === 0) return;
    const bytes = room.subarray(0, used);
    used = 0;
    if (socket.destroyed) return;
    if (socket.writableLength > 0) {
      socket.write(Buffer.from(bytes));
      return;
    }
    socket.write(bytes);
    // What the kernel does not take at once keeps its memory until it does.
    if (socket.writableLength > 0) room = Buffer.allocUnsafeSlow(roomLength);
  }

  return {
    add(reply) {
      if (used + 2 + reply.length > roomLength) flush();
      room.writeUInt16BE(reply.length, used);
      reply.copy(room, used + 2);
      used += 2 + reply.length;
    },
    flush,
  };
}
