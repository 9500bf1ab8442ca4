/** `k8s` and a zero byte: what every body begins with. Upstream: `runtime/serializer/protobuf`. */
export const magic = Buffer.from('k8s\0');

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

/** A field of bytes: its tag, their length, they themselves. */
function field(number: number, value: Buffer): Buffer[] {
  return [Buffer.from([number * 8 + 2]), varint(value.length), value];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** `runtime.Unknown`: apiVersion and kind, then the object's own bytes. */
export function envelope(apiVersion: string, kind: string, ...raw: readonly Buffer[]): Buffer {
  const type = Buffer.concat([...field(1, Buffer.from(apiVersion)), ...field(2, Buffer.from(kind))]);
  const length = raw.reduce((sum, part) => sum + part.length, 0);
  // contentEncoding and contentType are written, empty, as upstream writes them.
  const end = Buffer.from([0x1a, 0, 0x22, 0]);
  return Buffer.concat([magic, ...field(1, type), Buffer.from([0x12]), varint(length), ...raw, end]);
}

/** A list of any kind: its metadata is field 1, its items are field 2. */
export function listEnvelope(
  apiVersion: string,
  kind: string,
  metadata: Buffer,
  items: readonly Buffer[],
): Buffer {
  return envelope(apiVersion, kind, ...field(1, metadata), ...items.flatMap((item) => field(2, item)));
}

/**
 * A `meta.WatchEvent` behind its length in four bytes, big-endian, as `;stream=watch` has them; the event itself has
 * no envelope, the object in it has. Upstream: `runtime/serializer/protobuf` (`LengthDelimitedFramer`).
 */
export function watchFrame(type: string, object: Buffer): Buffer {
  const raw = field(1, object);
  const length = raw.reduce((sum, part) => sum + part.length, 0);
  const event = [...field(1, Buffer.from(type)), Buffer.from([0x12]), varint(length), ...raw];
  const head = Buffer.alloc(4);
  head.writeUInt32BE(event.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([head, ...event]);
}
