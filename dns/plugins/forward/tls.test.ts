import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createTestPki } from '../../../apiserver/testing/pki.ts';
import { ask } from '../../testing/ask.ts';
import { chainOf, instanceOf } from '../../testing/plugin.ts';
import { addressReply } from '../../testing/upstream.ts';
import { decodeQuery } from '../../wire/decode.ts';
import { encodeReply } from '../../wire/encode.ts';

describe('over TLS', () => {
  /** With `once` a connection is closed after its first reply. */
  async function startTls({ once = false } = {}): Promise<{
    port: number;
    ca: string;
    connections: () => number;
    close: () => void;
  }> {
    const { ca, server } = createTestPki();
    let connections = 0;
    const listener = createTlsServer({ ...server, minVersion: 'TLSv1.2' }, (socket) => {
      connections++;
      let rest = Buffer.alloc(0);
      socket.on('error', () => socket.destroy()); // the client under test closes as it likes
      socket.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
          const end = 2 + rest.readUInt16BE(0);
          const received = decodeQuery(rest.subarray(2, end), { address: '127.0.0.1', port: 0 }, 'tcp');
          rest = rest.subarray(end);
          if (received === 'drop' || !('query' in received)) continue;
          const reply = encodeReply(received.query, addressReply(received.query, '192.0.2.53'));
          socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
          if (once) socket.end();
        }
      });
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const port = address && typeof address === 'object' ? address.port : 0;
    return { port, ca, connections: () => connections, close: () => listener.close() };
  }

  test('many queries share a connection whose certificate must be right', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-forward-'));
    const { port, ca, connections, close } = await startTls();
    const file = join(folder, 'ca.pem');
    writeFileSync(file, ca);
    const { listeners, stop } = instanceOf(`. {\n forward . tls://127.0.0.1:${port} {\n  tls ${file}\n }\n}`);
    const handler = listeners.get(':53')?.zones.get('.');
    if (!handler) throw new Error('no chain');
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.`);
    const replies = await Promise.all(names.map((name) => ask(handler, name)));
    expect(replies.map(({ answer }) => answer[0])).toEqual(names.map((name) => `${name} 60 IN A 192.0.2.53`));
    expect(connections()).toBe(1);
    await stop(true);

    const wrongName = chainOf(
      `. {\n forward . tls://127.0.0.1%dns.example.org:${port} {\n  tls ${file}\n  max_fails 0\n }\n}`,
    );
    await expect(ask(wrongName, 'a.')).rejects.toThrow(/does not match certificate's altnames/);
    const rightName = chainOf(
      `. {\n forward . tls://127.0.0.1:${port} {\n  tls ${file}\n  tls_servername server.test\n }\n}`,
    );
    expect((await ask(rightName, 'a.')).rcode).toBe('NOERROR');
    const unknownAuthority = chainOf(`. {\n forward . tls://127.0.0.1:${port} {\n  max_fails 0\n }\n}`);
    await expect(ask(unknownAuthority, 'a.')).rejects.toThrow(/certificate/);
    close();
    rmSync(folder, { recursive: true });
  });

  test('an upstream may close connections as it likes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-forward-'));
    const { port, ca, connections, close } = await startTls({ once: true });
    const file = join(folder, 'ca.pem');
    writeFileSync(file, ca);
    const handler = chainOf(`. {\n forward . tls://127.0.0.1:${port} {\n  tls ${file}\n }\n}`);
    for (const name of ['a.', 'b.', 'c.', 'd.', 'e.'])
      expect((await ask(handler, name)).answer).toEqual([`${name} 60 IN A 192.0.2.53`]);
    expect(connections()).toBeGreaterThanOrEqual(5);
    close();
    rmSync(folder, { recursive: true });
  });
});
