import { Duplex } from 'node:stream';
import { decodeFrames, encodeFrame, type Frame, resetStatus } from './frames.ts';
import { createHeaderReader, createHeaderWriter, type SpdyHeaders } from './headers.ts';

/** One stream of a connection: both directions end by themselves. Destroying it resets it. */
export interface SpdyStream extends Duplex {
  readonly id: number;
  /** What it was opened with. */
  readonly headers: SpdyHeaders;
}

export interface SpdyConnection {
  /** Opens a stream from this side. */
  open(headers: SpdyHeaders): SpdyStream;
  /** Fires when the connection has ended, whoever ended it; the streams have then ended too. */
  readonly ended: AbortSignal;
  /** Says good-bye after everything that was written, and closes. */
  close(): void;
}

export interface SpdyOptions {
  role: 'server' | 'client';
  /** Whether the other side may open a stream with these headers; all it is told is that it may not. */
  accepts?(headers: SpdyHeaders): boolean;
  onStream(stream: SpdyStream): void;
}

/** Received and not read by its user; above this, the whole connection waits. Bytes. */
const backlog = 1 << 20;

/** Bytes of data in one frame. */
const longestPiece = 64 << 10;

/**
 * Many streams over one connection, as SPDY/3.1 has them without flow control, which neither Kubernetes nor its
 * library (moby/spdystream) uses. Upstream: `apimachinery/pkg/util/httpstream/spdy`.
 */
export function createSpdyConnection(
  socket: Duplex,
  { role, accepts, onStream }: SpdyOptions,
): SpdyConnection {
  const streams = new Map<number, ReturnType<typeof createStream>>();
  const end = new AbortController();
  const writer = createHeaderWriter();
  const reader = createHeaderReader();
  let nextId = role === 'client' ? 1 : 2;
  let lastSeen = 0;

  const send = (
    frame: Exclude<Frame, { kind: 'other' }>,
    done: (error?: Error | null) => void = () => {},
  ) => {
    if (socket.writable) socket.write(encodeFrame(frame), done);
    else done(new Error('the connection has ended'));
  };

  const add = (id: number, headers: SpdyHeaders) => {
    const made = createStream(id, headers, send, () => streams.delete(id));
    streams.set(id, made);
    return made;
  };

  async function receive(frame: Frame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream': {
        const headers = await reader.read(frame.block);
        lastSeen = frame.stream;
        if (accepts?.(headers) === false) {
          send({ kind: 'rst-stream', stream: frame.stream, status: resetStatus.refusedStream });
          return;
        }
        const made = add(frame.stream, headers);
        // Before anything that is written to it: spdystream drops data that comes earlier.
        send({ kind: 'syn-reply', stream: frame.stream, fin: false, block: writer.write({}) });
        onStream(made.stream);
        if (frame.fin) made.finished();
        return;
      }
      case 'syn-reply':
      case 'headers':
        // Of no interest, but the next block needs it.
        await reader.read(frame.block);
        if (frame.fin) streams.get(frame.stream)?.finished();
        return;
      case 'data': {
        const made = streams.get(frame.stream);
        // A stream that was reset a moment ago.
        if (!made) return;
        if (frame.data.length > 0) await made.received(frame.data);
        if (frame.fin) made.finished();
        return;
      }
      case 'rst-stream':
        streams.get(frame.stream)?.wasReset();
        return;
      case 'ping':
        // An echo of our own has our parity; none are sent.
        if ((frame.id & 1) === (role === 'server' ? 1 : 0)) send(frame);
    }
  }

  async function run(): Promise<void> {
    for await (const frame of decodeFrames(socket)) await receive(frame);
  }

  run()
    // A broken connection and nonsense on it end it alike.
    .catch(() => undefined)
    .finally(() => {
      for (const made of [...streams.values()]) made.wasReset();
      reader.close();
      socket.destroy();
      end.abort();
    });

  return {
    ended: end.signal,
    open(headers) {
      const id = nextId;
      nextId += 2;
      const { stream } = add(id, headers);
      send({ kind: 'syn-stream', stream: id, fin: false, block: writer.write(headers) });
      return stream;
    },
    close() {
      send({ kind: 'goaway', lastStream: lastSeen, status: 0 });
      socket.end();
    },
  };
}

function createStream(
  id: number,
  headers: SpdyHeaders,
  send: (frame: Exclude<Frame, { kind: 'other' }>, done?: (error?: Error | null) => void) => void,
  forget: () => void,
) {
  let resume: () => void = () => undefined;
  let isReset = false;
  const duplex = new Duplex({
    readableHighWaterMark: backlog,
    read: () => resume(),
    write(chunk: Buffer, _encoding, done) {
      let at = 0;
      // No frame so long that the other streams wait for it.
      for (; chunk.length - at > longestPiece; at += longestPiece)
        send({ kind: 'data', stream: id, fin: false, data: chunk.subarray(at, at + longestPiece) });
      send({ kind: 'data', stream: id, fin: false, data: chunk.subarray(at) }, done);
    },
    final(done) {
      send({ kind: 'data', stream: id, fin: true, data: Buffer.alloc(0) }, done);
    },
    destroy(error, done) {
      const whole = duplex.readableEnded && duplex.writableFinished;
      if (!isReset && !whole) send({ kind: 'rst-stream', stream: id, status: resetStatus.cancel });
      resume();
      forget();
      done(error);
    },
  });
  // Whoever writes to a stream that is no more learns of it by its `close`.
  duplex.on('error', () => undefined);
  return {
    stream: Object.assign(duplex, { id, headers }) as SpdyStream,
    /** Resolves when there is room for more. */
    received(data: Buffer): Promise<void> | undefined {
      if (duplex.destroyed || duplex.readableEnded || duplex.push(data)) return undefined;
      return new Promise((resolve) => {
        resume = resolve;
      });
    },
    finished() {
      if (!duplex.destroyed) duplex.push(null);
    },
    wasReset() {
      isReset = true;
      duplex.destroy();
    },
  };
}
