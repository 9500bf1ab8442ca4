import { WireType } from './reader.ts';

/**
 * Writes a message from its end to its beginning, as the length of what is within is known when it has been
 * written: nothing is measured first. Fields are therefore written in the order of falling numbers.
 */
export interface Writer {
  /** Where what is written next will end. */
  mark(): number;
  /** The tag and the value of one field. */
  int(field: number, value: number): void;
  double(field: number, value: number): void;
  string(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  /** The tag and the length of what was written since `mark()`. */
  close(field: number, mark: number): void;
  /** A copy of what was written since `mark()`, which it forgets. */
  take(mark: number): Buffer;
}

/** Counted from the end, so that marks hold when the buffer grows. */
export function createWriter(): Writer {
  let buffer = Buffer.allocUnsafe(16 * 1024);
  let used = 0;

  /** Makes room before what is there, and gives the offset it begins at. `buffer` may be another one afterwards. */
  function room(size: number): number {
    if (used + size > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, (used + size) * 2));
      buffer.copy(larger, larger.length - used, buffer.length - used);
      buffer = larger;
    }
    used += size;
    return buffer.length - used;
  }

  function varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      const at = room(1);
      buffer[at] = value;
    } else if (value >= 0 && value < 0x4000) {
      const at = room(2);
      buffer[at] = (value & 0x7f) | 0x80;
      buffer[at + 1] = value >> 7;
    } else {
      const bytes: number[] = [];
      let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
      for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      bytes.push(Number(rest));
      const at = room(bytes.length);
      buffer.set(bytes, at);
    }
  }

  const tag = (field: number, wireType: WireType) => varint(field * 8 + wireType);

  return {
    mark: () => used,
    int(field, value) {
      varint(value);
      tag(field, WireType.varint);
    },
    double(field, value) {
      const at = room(8);
      buffer.writeDoubleLE(value, at);
      tag(field, WireType.fixed64);
    },
    string(field, value) {
      const size = Buffer.byteLength(value);
      const at = room(size);
      if (size > 0) buffer.write(value, at);
      varint(size);
      tag(field, WireType.bytes);
    },
    bytes(field, value) {
      const at = room(value.length);
      buffer.set(value, at);
      varint(value.length);
      tag(field, WireType.bytes);
    },
    close(field, mark) {
      varint(used - mark);
      tag(field, WireType.bytes);
    },
    take(mark) {
      const copy = Buffer.from(buffer.subarray(buffer.length - used, buffer.length - mark));
      used = mark;
      return copy;
    },
  };
}
