import { connect } from 'node:http2';
import type { Connection, Endpoint } from './connection.ts';

/** As client-go does; with the default of 64 KB a list would wait for the client. */
const windowSize = 4 * 1024 * 1024;

/** One connection of HTTP/2, as genuine clients have. It costs the client more than HTTP/1.1 does. */
export async function openHttp2Connection({ url, ca, cert, key, token }: Endpoint): Promise<Connection> {
  const session = connect(url, {
    ...(ca ? { ca } : { rejectUnauthorized: false }),
    ...(cert ? { cert, key } : {}),
    settings: { initialWindowSize: windowSize },
  });
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve()).once('error', reject);
  });
  session.setLocalWindowSize(windowSize * 16);
  const common = { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const ask = (method: string, path: string, body?: string) => {
    const stream = session.request({
      ...common,
      ':method': method,
      ':path': path,
      ...(body ? { 'content-type': 'application/json' } : {}),
    });
    stream.end(body);
    return stream;
  };
  return {
    send: (method, path, body) =>
      new Promise((resolve, reject) => {
        const stream = ask(method, path, body);
        const chunks: Buffer[] = [];
        let code = 0;
        stream.once('response', (headers) => {
          code = headers[':status'] ?? 0;
        });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.once('end', () => resolve({ code, body: Buffer.concat(chunks) }));
        stream.once('error', reject);
        // Of no effect after an answer.
        stream.once('close', () => reject(new Error(`${method} ${path}: the stream was closed`)));
      }),
    async stream(path, received) {
      const stream = ask('GET', path);
      const begun = new Promise<void>((resolve, reject) => {
        stream.once('response', () => resolve()).once('error', reject);
      });
      stream.on('data', received);
      await begun;
      // It ends with its connection.
      stream.on('error', () => {});
    },
    close: () => session.destroy(),
  };
}
