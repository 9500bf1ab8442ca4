/**
 * The memory that long replies are written to, one after the other: with a new buffer for each, a megabyte of small
 * objects stands for fifty of buffers before the garbage collector looks at them.
 */
let room = Buffer.allocUnsafeSlow(1 << 16);

/** Shorter ones come from Node.js' own pool. */
const shortest = 1_024;

/** Room for a reply, which must be sent or copied before the next one is asked for. */
export function roomFor(length: number): Buffer {
  if (length < shortest) return Buffer.allocUnsafe(length);
  return length > room.length ? Buffer.allocUnsafeSlow(length) : room.subarray(0, length);
}

/** To be called where the kernel has not taken `bytes` yet: who waits to send them keeps their memory. */
export function giveAway(bytes: Buffer): void {
  if (bytes.buffer === room.buffer) room = Buffer.allocUnsafeSlow(room.length);
}
