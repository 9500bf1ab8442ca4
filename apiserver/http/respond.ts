import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createGzip, gzip } from 'node:zlib';
import { StatusError, statusError } from '../../api/status.ts';
import { inProtobuf } from './answer.ts';

/** Sends bytes that are encoded already, JSON unless a `Content-Type` is set; or an object, as the client prefers. */
export function sendJson(response: ServerResponse, code: number, body: Buffer | object): void {
  const protobuf = Buffer.isBuffer(body) ? undefined : inProtobuf(response.req, body);
  const plain = protobuf ?? (Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)));
  if (protobuf) response.setHeader('Content-Type', 'application/vnd.kubernetes.protobuf');
  response.statusCode = code;
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json');
  const bytes = isForPeople(response) ? indented(plain) : plain;
  if (bytes.length <= largestPlain || !takesGzip(response)) {
    endWith(response, bytes);
    return;
  }
  response.setHeader('Vary', 'Accept-Encoding');
  gzip(bytes, { level: 1 }, (error, smaller) => {
    if (!error) response.setHeader('Content-Encoding', 'gzip');
    endWith(response, error ? bytes : smaller);
  });
}

/** Upstream: `isPrettyPrint` of apiserver `pkg/endpoints/handlers/negotiation`: `?pretty`, else by the program. */
function isForPeople({ req }: ServerResponse): boolean {
  const asked = /[?&]pretty(?:=([^&]*))?(?=&|$)/.exec(req?.url ?? '');
  if (asked)
    return asked[1] === undefined || !['', '0', 'false', 'f', 'F', 'FALSE', 'False'].includes(asked[1]);
  const agent = req?.headers['user-agent'] ?? '';
  return agent.startsWith('curl') || agent.startsWith('Wget') || agent.startsWith('Mozilla/5.0');
}

/** JSON on many lines; what is no JSON stays as it is. */
function indented(bytes: Buffer): Buffer {
  return bytes[0] === openingBrace
    ? Buffer.from(JSON.stringify(JSON.parse(bytes.toString()), undefined, 2))
    : bytes;
}

const openingBrace = '{'.charCodeAt(0);

/** A body too large to be made and sent in one turn: others are served in between. */
export interface Pieces {
  /** Bytes, of all together. */
  length: number;
  pieces: Iterable<Buffer>;
}

/** Bytes that go out at once: what is shorter is joined. */
const turn = 256 * 1024;

/** Sends a body piece by piece, as fast as the client takes it. */
export async function sendPieces(response: ServerResponse, code: number, body: Pieces): Promise<void> {
  response.statusCode = code;
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json');
  if (!takesGzip(response)) {
    response.setHeader('Content-Length', body.length);
    for (const bytes of joined(body.pieces)) if (!(await written(response, bytes))) return;
  } else {
    response.setHeader('Vary', 'Accept-Encoding');
    response.setHeader('Content-Encoding', 'gzip');
    const smaller = Readable.from(joined(body.pieces)).pipe(createGzip({ level: 1 }));
    for await (const bytes of smaller) if (!(await written(response, bytes))) return;
  }
  response.end();
}

/** All of it. */
export const joinPieces = ({ pieces }: Pieces): Buffer => Buffer.concat([...pieces]);

/** The same bytes, in pieces that are worth sending. */
export function* joined(pieces: Iterable<Buffer>): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    if (size < turn) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting);
}

/** Sends bytes, and resolves when there is room for more: to false when the client is gone. */
export async function written(response: ServerResponse, bytes: Buffer): Promise<boolean> {
  if (response.destroyed || response.writableEnded) return false;
  if (response.write(bytes)) return true;
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
  return !response.destroyed;
}

/** Upstream: `responsewriters/writers.go`, `defaultGzipThresholdBytes`. */
const largestPlain = 128 * 1024;

function takesGzip({ req }: ServerResponse): boolean {
  const accepted = String(req?.headers['accept-encoding'] ?? '');
  return accepted.split(',').some((one) => one.split(';', 1)[0]?.trim() === 'gzip');
}

function endWith(response: ServerResponse, bytes: Buffer): void {
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.statusCode = code;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(text);
}

/** Any failure as a `Status`; what is not a StatusError is the server's own fault and reported as such. */
export function sendFailure(
  response: ServerResponse,
  error: unknown,
  report: (error: unknown) => void,
): void {
  const failure = error instanceof StatusError ? error : undefined;
  if (!failure) report(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status } =
    failure ??
    statusError(
      'InternalError',
      `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
    );
  const retry = status.details?.retryAfterSeconds;
  if (retry) response.setHeader('Retry-After', retry);
  response.removeHeader('Content-Type');
  sendJson(response, status.code ?? 500, status);
}

/** Adds a `Warning` header (RFC 7234 section 5.5, code 299), as upstream's clients print it. */
export function addWarning(response: ServerResponse, message: string): void {
  const text = message.replace(/[\r\n]+/g, ' ').replace(/[\\"]/g, '\\$&');
  // Header values are Latin-1; what lies beyond goes as UTF-8 bytes, which Go's clients read back.
  const value = Buffer.from(`299 - "${text}"`, 'utf8').toString('latin1');
  const others = response.getHeader('Warning');
  const before = others === undefined ? [] : Array.isArray(others) ? others : [String(others)];
  if (!before.includes(value)) response.setHeader('Warning', [...before, value]);
}
