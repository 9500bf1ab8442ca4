/** Encoded fields of one message, in pieces. */
export type Fields = readonly Uint8Array[];

/**
 * Writers of the protobuf wire format: each returns one field with its number, nothing for an absent value.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

export function text(field: number, value: unknown): Fields {
  return typeof value === 'string' && value !== '' ? lengthDelimited(field, Buffer.from(value)) : [];
}

export function texts(field: number, values: unknown): Fields {
  return Array.isArray(values) ? values.flatMap((value) => text(field, value)) : [];
}

export function flag(field: number, value: unknown): Fields {
  return value === true ? [Uint8Array.of(...varint(field << 3), 1)] : [];
}

/** A message within the message; an empty one is written, since its presence means something. */
export function message(field: number, ...parts: Fields[]): Fields {
  return lengthDelimited(field, Buffer.concat(parts.flat()));
}

/** The whole. */
export function encode(...parts: Fields[]): Uint8Array {
  return Buffer.concat(parts.flat());
}

function lengthDelimited(field: number, bytes: Uint8Array): Fields {
  return [Uint8Array.of(...varint((field << 3) | 2), ...varint(bytes.length)), bytes];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return [...bytes, rest];
}
