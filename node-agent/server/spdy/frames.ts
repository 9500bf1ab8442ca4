/**
 * One frame of SPDY/3.1 as it is on the wire; header blocks are still packed. Kinds that a stream of bytes has
 * no use for are `other`. https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
export type Frame =
  | { kind: 'data'; stream: number; fin: boolean; data: Buffer }
  | { kind: 'syn-stream'; stream: number; fin: boolean; block: Buffer }
  | { kind: 'syn-reply'; stream: number; fin: boolean; block: Buffer }
  | { kind: 'headers'; stream: number; fin: boolean; block: Buffer }
  | { kind: 'rst-stream'; stream: number; status: number }
  | { kind: 'ping'; id: number }
  | { kind: 'goaway'; lastStream: number; status: number }
  | { kind: 'other'; type: number };

/** Status of a RST_STREAM, section 2.6.3. */
export const resetStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 } as const;

const version = 3;
const finFlag = 1;
const types = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goaway: 7, headers: 8 } as const;

/** The longest frame that is accepted, bytes. */
const longest = 4 << 20;

/** The bytes of a frame. */
export function encodeFrame(frame: Exclude<Frame, { kind: 'other' }>): Buffer {
  switch (frame.kind) {
    case 'data': {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(frame.stream);
      head.writeUInt32BE(lengthAndFlags(frame.data.length, frame.fin), 4);
      return frame.data.length > 0 ? Buffer.concat([head, frame.data]) : head;
    }
    case 'syn-stream':
      // No associated stream, highest priority, no credential slot.
      return control(
        types.synStream,
        Buffer.concat([uint32(frame.stream), Buffer.alloc(6), frame.block]),
        frame.fin,
      );
    case 'syn-reply':
      return control(types.synReply, Buffer.concat([uint32(frame.stream), frame.block]), frame.fin);
    case 'headers':
      return control(types.headers, Buffer.concat([uint32(frame.stream), frame.block]), frame.fin);
    case 'rst-stream':
      return control(types.rstStream, Buffer.concat([uint32(frame.stream), uint32(frame.status)]));
    case 'ping':
      return control(types.ping, uint32(frame.id));
    case 'goaway':
      return control(types.goaway, Buffer.concat([uint32(frame.lastStream), uint32(frame.status)]));
  }
}

/**
 * The frames in a stream of bytes, whole ones only: what is cut off at the end is dropped.
 *
 * @throws Error when the bytes are not SPDY/3
 */
export async function* decodeFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (rest.length - at >= 8) {
      const length = rest.readUInt32BE(at + 4) & 0xffffff;
      if (length > longest)
        throw new Error(`a SPDY frame of ${length} bytes: at most ${longest} are accepted`);
      if (rest.length - at < 8 + length) break;
      yield decodeFrame(rest.subarray(at, at + 8 + length));
      at += 8 + length;
    }
    rest = rest.subarray(at);
  }
}

function decodeFrame(bytes: Buffer): Frame {
  const first = bytes.readUInt32BE(0);
  const fin = ((bytes[4] ?? 0) & finFlag) !== 0;
  const body = bytes.subarray(8);
  if (first >>> 31 === 0) return { kind: 'data', stream: first, fin, data: body };
  const found = (first >>> 16) & 0x7fff;
  if (found !== version) throw new Error(`a frame of SPDY version ${found}: only ${version} is spoken`);
  const type = first & 0xffff;
  switch (type) {
    case types.synStream:
      return { kind: 'syn-stream', stream: id(body), fin, block: body.subarray(10) };
    case types.synReply:
      return { kind: 'syn-reply', stream: id(body), fin, block: body.subarray(4) };
    case types.headers:
      return { kind: 'headers', stream: id(body), fin, block: body.subarray(4) };
    case types.rstStream:
      return { kind: 'rst-stream', stream: id(body), status: body.readUInt32BE(4) };
    case types.ping:
      return { kind: 'ping', id: body.readUInt32BE(0) };
    case types.goaway:
      return { kind: 'goaway', lastStream: id(body), status: body.readUInt32BE(4) };
    default:
      return { kind: 'other', type };
  }
}

const id = (body: Buffer) => body.readUInt32BE(0) & 0x7fffffff;

function control(type: number, body: Buffer, fin = false): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE((0x80000000 | (version << 16) | type) >>> 0);
  head.writeUInt32BE(lengthAndFlags(body.length, fin), 4);
  return Buffer.concat([head, body]);
}

const lengthAndFlags = (length: number, fin: boolean) => (length | (fin ? finFlag << 24 : 0)) >>> 0;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
