import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { checkRequest, grpcProbe } from './probe-grpc.ts';

let server: Http2Server | undefined;
afterEach(() => server?.close());

/** A server of grpc.health.v1 that knows `''` (SERVING) and `sick` (NOT_SERVING). Resolves to its port. */
async function health(): Promise<number> {
  server = createServer();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const asked = Buffer.concat(chunks);
      const known = [checkRequest(''), checkRequest('sick')].findIndex((one) => one.equals(asked));
      const head = { ':status': 200, 'content-type': 'application/grpc' };
      if (headers[':path'] !== '/grpc.health.v1.Health/Check' || known < 0) {
        stream.respond({ ...head, 'grpc-status': '5' }, { endStream: true });
        return;
      }
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.of(0, 0, 0, 0, 2, 0x08, known + 1));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const probe = (port: number, service = '', signal = AbortSignal.timeout(10_000)) =>
  grpcProbe({ host: '127.0.0.1', port, service }, signal);

describe('grpcProbe', () => {
  it('asks grpc.health.v1.Health', async () => {
    const port = await health();
    expect(await probe(port)).toBeUndefined();
    expect(await probe(port, 'sick')).toBe('service unhealthy (responded with "NOT_SERVING")');
    expect(await probe(port, 'nonesuch')).toBe('error: service "nonesuch" is unknown to the server');
  });

  it('tells who does not answer', async () => {
    expect(await probe(1)).toMatch(/^error: failed to connect service "127.0.0.1:1": connect ECONNREFUSED/);
    expect(await probe(await health(), '', AbortSignal.abort())).toMatch(/context deadline exceeded$/);
  });
});
