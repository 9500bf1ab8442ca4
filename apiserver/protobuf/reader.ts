/** How a field's value is encoded. Source: protobuf.dev, "Encoding". */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

/** Walks over the fields of one message; each field must be read or skipped before the next. */
export interface Reader {
  fields(): Generator<{ number: number; wireType: WireType }>;
  /** A signed 64-bit integer; beyond 2^53 it loses precision. */
  varint(): number;
  double(): number;
  /** Text, bytes or a message within; shares the memory of the whole. */
  bytes(): Buffer;
  skip(wireType: WireType): void;
  done(): boolean;
}

/** @throws RangeError, on reading, where the bytes end too early or are no protobuf */
export function createReader(buffer: Buffer): Reader {
  let at = 0;

  function unsigned(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = buffer[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number does not end');
  }

  /** Tags and lengths, nearly all of which are one byte or two. */
  function small(): number {
    const first = buffer[at] ?? 0x80;
    if (first < 0x80) {
      at++;
      return first;
    }
    const second = buffer[at + 1] ?? 0x80;
    if (second >= 0x80) return Number(unsigned());
    at += 2;
    return (first & 0x7f) | (second << 7);
  }

  function take(length: number): Buffer {
    if (at + length > buffer.length) throw new RangeError('unexpected end');
    at += length;
    return buffer.subarray(at - length, at);
  }

  const reader: Reader = {
    *fields() {
      while (at < buffer.length) {
        const tag = small();
        const wireType = tag % 8;
        if (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5) {
          throw new RangeError(`illegal wire type ${wireType}`);
        }
        yield { number: Math.floor(tag / 8), wireType };
      }
    },
    varint() {
      const first = buffer[at] ?? 0x80;
      if (first >= 0x80) return Number(BigInt.asIntN(64, unsigned()));
      at++;
      return first;
    },
    bytes: () => take(small()),
    double: () => take(8).readDoubleLE(0),
    skip(wireType) {
      if (wireType === WireType.varint) unsigned();
      else if (wireType === WireType.bytes) reader.bytes();
      else take(wireType === WireType.fixed64 ? 8 : 4);
    },
    done: () => at >= buffer.length,
  };
  return reader;
}
