import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where an API is, and as whom it is asked. */
export interface Endpoint {
  /** `https://…`, `http://…` */
  url: URL;
  /** PEM. */
  ca?: string;
  cert?: string;
  key?: string;
  token?: string;
  /** Asked over HTTP/2; else HTTP/1.1. */
  http2?: boolean;
}

export interface Answer {
  code: number;
  body: Buffer;
}

/** One connection that asks one thing after another. It does as little as it can: the machine is the server's. */
export interface Connection {
  send(method: string, path: string, body?: string): Promise<Answer>;
  /** Calls `received` with what comes, chunked as it is, until closed. */
  stream(path: string, received: (bytes: Buffer) => void): Promise<void>;
  close(): void;
}

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('\r\n0\r\n\r\n');

export async function openConnection(endpoint: Endpoint): Promise<Connection> {
  if (endpoint.http2) return (await import('./http2.ts')).openHttp2Connection(endpoint);
  return openHttp1Connection(endpoint);
}

async function openHttp1Connection({ url, ca, cert, key, token }: Endpoint): Promise<Connection> {
  const { hostname: host } = url;
  const secure = url.protocol === 'https:';
  const port = Number(url.port) || (secure ? 443 : 80);
  const socket: Socket = secure
    ? connectTls({
        host,
        port,
        ...(ca ? { ca } : { rejectUnauthorized: false }),
        ...(cert ? { cert, key } : {}),
      })
    : connectTcp({ host, port });
  socket.setNoDelay();
  await new Promise<void>((resolve, reject) => {
    socket.once(secure ? 'secureConnect' : 'connect', resolve).once('error', reject);
  });
  const common = `Host: ${url.host}\r\n${token ? `Authorization: Bearer ${token}\r\n` : ''}Accept: application/json\r\n`;
  let chunks: Buffer[] = [];
  let size = 0;
  /** Of the answer under way, once it is known. */
  let head: { code: number; length: number; expected: number | undefined } | undefined;
  let settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  socket.on('data', (chunk: Buffer) => {
    if (!settle) return;
    chunks.push(chunk);
    size += chunk.length;
    head ??= readHead(chunks);
    if (!head) return;
    const { code, length, expected } = head;
    if (expected === undefined ? !endsWith(chunks, lastChunk) : size < expected) return;
    const { resolve } = settle;
    const all = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    settle = undefined;
    head = undefined;
    chunks = [];
    size = 0;
    resolve({ code, body: all.subarray(length) });
  });
  const fail = (error: Error) => settle?.reject(error);
  socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')));

  return {
    send(method, path, body) {
      const type = body ? 'Content-Type: application/json\r\n' : '';
      const length = body || method !== 'GET' ? `Content-Length: ${Buffer.byteLength(body ?? '')}\r\n` : '';
      return new Promise((resolve, reject) => {
        settle = { resolve, reject };
        socket.write(`${method} ${path} HTTP/1.1\r\n${common}${type}${length}\r\n${body ?? ''}`);
      });
    },
    async stream(path, received) {
      const first = new Promise<void>((resolve) => socket.once('data', () => resolve()));
      socket.on('data', withoutFraming(received));
      socket.write(`GET ${path} HTTP/1.1\r\n${common}\r\n`);
      await first;
    },
    close: () => socket.destroy(),
  };
}

/**
 * The body of an answer without end. Go's server cuts it into chunks (RFC 9112, 7.1) wherever its buffer is full, in
 * the middle of a name too.
 */
function withoutFraming(received: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let begun = false;
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
    if (!begun) {
      const end = rest.indexOf(headEnd);
      if (end < 0) return;
      begun = true;
      rest = rest.subarray(end + headEnd.length);
    }
    const parts: Buffer[] = [];
    for (;;) {
      const line = rest.indexOf('\r\n');
      if (line < 0) break;
      const start = line + 2;
      const size = Number.parseInt(rest.toString('latin1', 0, line), 16);
      if (rest.length < start + size + 2) break;
      parts.push(rest.subarray(start, start + size));
      rest = rest.subarray(start + size + 2);
    }
    if (parts.length > 0) received(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
  };
}

/** `expected` is the size of the whole answer; undefined where it comes in chunks. */
function readHead(chunks: readonly Buffer[]) {
  const begun = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  const end = begun.indexOf(headEnd);
  if (end < 0) return undefined;
  const text = begun.toString('latin1', 0, end);
  const length = end + headEnd.length;
  const body = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return {
    code: Number(text.slice(9, 12)),
    length,
    expected: body === undefined ? undefined : length + Number(body),
  };
}

function endsWith(chunks: readonly Buffer[], ending: Buffer): boolean {
  const [before = Buffer.alloc(0), last = Buffer.alloc(0)] = chunks.slice(-2);
  const tail = last.length >= ending.length ? last : Buffer.concat([before, last]);
  return tail.subarray(-ending.length).equals(ending);
}
