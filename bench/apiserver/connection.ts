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

export async function openConnection({ url, ca, cert, key, token }: Endpoint): Promise<Connection> {
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
  let expected = 0;
  let settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  socket.on('data', (chunk: Buffer) => {
    if (!settle) return;
    chunks.push(chunk);
    size += chunk.length;
    if (expected > 0 && size < expected) return;
    const all = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    const head = all.indexOf(headEnd);
    if (head < 0) return;
    const text = all.toString('latin1', 0, head);
    const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
    expected = length === undefined ? 0 : head + 4 + Number(length);
    const whole = length === undefined ? all.subarray(-lastChunk.length).equals(lastChunk) : size >= expected;
    if (!whole) {
      chunks = [all];
      return;
    }
    const { resolve } = settle;
    settle = undefined;
    chunks = [];
    size = 0;
    expected = 0;
    resolve({ code: Number(text.slice(9, 12)), body: all.subarray(head + 4) });
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
      socket.on('data', received);
      socket.write(`GET ${path} HTTP/1.1\r\n${common}\r\n`);
      await first;
    },
    close: () => socket.destroy(),
  };
}
