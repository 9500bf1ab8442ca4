import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';

/** PEM; absent for plain HTTP/2. */
export interface EtcdTls {
  ca?: string;
  cert?: string;
  key?: string;
}

/** A call that a server refused, or could not be asked for. `code` is gRPC's: 14 Unavailable, 4 DeadlineExceeded … */
export class GrpcError extends Error {
  readonly code: number;
  /** True where the server has surely not acted on it. */
  readonly unsent: boolean;

  constructor(code: number, message: string, unsent = false) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
    this.unsent = unsent;
  }
}

export const grpcCode = { ok: 0, deadlineExceeded: 4, outOfRange: 11, unavailable: 14 } as const;

/** What comes back of a call, message by message. */
export interface GrpcReceiver {
  message(body: Buffer): void;
  /** Called once; without an error when the server ended the call well. */
  end(error: GrpcError | undefined): void;
}

/** A call under way. */
export interface GrpcCall {
  write(message: Buffer): void;
  /** Says that nothing more will be written. */
  finish(): void;
  /** Ends it from this side; the receiver hears nothing more. */
  cancel(): void;
}

/** One connection, over which any number of calls go at once. */
export interface GrpcSession {
  readonly url: string;
  readonly open: boolean;
  call(path: string, receiver: GrpcReceiver, headers?: Readonly<Record<string, string>>): GrpcCall;
  close(): void;
}

const connectMilliseconds = 3_000;
/** A connection that no longer carries anything is noticed after twice that. */
const pingMilliseconds = 5_000;

/**
 * gRPC over Node's own HTTP/2. Of the protocol only what etcd needs: no compression, messages as they are.
 * Source: github.com/grpc/grpc `doc/PROTOCOL-HTTP2.md`.
 * @throws GrpcError 14 Unavailable when nobody answers at `url` (`https://HOST:PORT`, or `http:`)
 */
export function openSession(url: string, tls: EtcdTls): Promise<GrpcSession> {
  return new Promise((resolve, reject) => {
    const session = connect(url, { ...tls, ALPNProtocols: ['h2'] });
    let why = 'connection closed';
    const fail = (error: Error) => {
      why = describeError(error);
      reject(new GrpcError(grpcCode.unavailable, `${url}: ${why}`, true));
    };
    const patience = setTimeout(() => {
      session.destroy();
      fail(new Error(`no answer within ${connectMilliseconds / 1000} s`));
    }, connectMilliseconds);
    session.on('error', fail);
    session.once('close', () => {
      clearTimeout(patience);
      fail(new Error(why));
    });
    session.once('connect', () => {
      clearTimeout(patience);
      keepAlive(session);
      session.setLocalWindowSize(windowBytes);
      resolve({
        url,
        get open() {
          return !session.closed && !session.destroyed;
        },
        call: (path, receiver, headers = {}) => startCall(session, path, receiver, headers, () => why),
        close: () => session.destroy(),
      });
    });
  });
}

/** A list of everything shall not wait for this side to say "go on". */
const windowBytes = 4 * 1024 * 1024;

function keepAlive(session: ClientHttp2Session): void {
  let answered = true;
  const timer = setInterval(() => {
    // Its `close` is on the way.
    if (session.destroyed) return;
    if (!answered) {
      session.destroy(new Error(`no answer to a ping within ${pingMilliseconds / 1000} s`));
      return;
    }
    answered = false;
    session.ping(() => {
      answered = true;
    });
  }, pingMilliseconds);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}

function startCall(
  session: ClientHttp2Session,
  path: string,
  receiver: GrpcReceiver,
  headers: Readonly<Record<string, string>>,
  why: () => string,
): GrpcCall {
  let ended = false;
  const end = (error: GrpcError | undefined) => {
    if (ended) return;
    ended = true;
    receiver.end(error);
  };
  let stream: ClientHttp2Stream;
  try {
    stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      ...headers,
    });
  } catch (error) {
    // The connection went in the meantime.
    const refused = new GrpcError(grpcCode.unavailable, describeError(error), true);
    queueMicrotask(() => end(refused));
    return { write: () => undefined, finish: () => undefined, cancel: () => undefined };
  }
  const status = (fields: Record<string, unknown>) => {
    const code = fields['grpc-status'];
    if (code === undefined) return;
    const message = decodeURIComponent(String(fields['grpc-message'] ?? ''));
    end(Number(code) === grpcCode.ok ? undefined : new GrpcError(Number(code), message));
  };
  const split = createSplitter((body) => {
    if (!ended) receiver.message(body);
  });
  stream.on('data', split);
  stream.on('response', (fields) => {
    // A call that fails at once has its trailers here.
    if (fields['grpc-status'] !== undefined && fields['grpc-status'] !== '0') status(fields);
    else if (fields[':status'] !== 200)
      end(new GrpcError(grpcCode.unavailable, `HTTP ${fields[':status']}: it is not etcd's gRPC`));
  });
  stream.on('trailers', status);
  stream.on('error', (error) => {
    const unsent = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    end(new GrpcError(grpcCode.unavailable, describeError(error), unsent));
  });
  stream.on('close', () => end(new GrpcError(grpcCode.unavailable, why())));
  return {
    write: (message) => void stream.write(frame(message)),
    finish: () => stream.end(),
    cancel() {
      ended = true;
      stream.close(constants.NGHTTP2_CANCEL);
    },
  };
}

/** "Length-Prefixed-Message": a flag (0: not compressed), the length, the message. */
function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, 5);
  return framed;
}

/** Puts pieces together and hands out whole messages. */
function createSplitter(message: (body: Buffer) => void): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let gathered = 0;
  let wanted = 5;
  return (chunk) => {
    pieces.push(chunk);
    gathered += chunk.length;
    if (gathered < wanted) return;
    let whole = pieces.length === 1 ? chunk : Buffer.concat(pieces);
    while (whole.length >= 5) {
      const length = 5 + whole.readUInt32BE(1);
      if (whole.length < length) break;
      message(whole.subarray(5, length));
      whole = whole.subarray(length);
    }
    pieces = whole.length > 0 ? [whole] : [];
    gathered = whole.length;
    wanted = whole.length >= 5 ? 5 + whole.readUInt32BE(1) : 5;
  };
}

function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0]) return describeError(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
