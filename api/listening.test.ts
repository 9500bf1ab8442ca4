import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { serverListens } from './listening.ts';

test('waits for a server that comes later', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));

  let resolved = false;
  const waiting = serverListens({ host: '127.0.0.1', port }, { signal: AbortSignal.timeout(20_000) });
  waiting.then(() => {
    resolved = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(resolved).toBe(false);

  const accepted = new Promise((resolve) => server.once('connection', resolve));
  server.listen(port, '127.0.0.1');
  await waiting;
  await accepted;
  await new Promise((resolve) => server.close(resolve));
});

test('ends when there is no more time', async () => {
  await serverListens({ host: '127.0.0.1', port: 1 }, { signal: AbortSignal.abort() });
  await serverListens({ host: '127.0.0.1', port: 1 }, { signal: AbortSignal.timeout(20_000), patience: 1 });
});
