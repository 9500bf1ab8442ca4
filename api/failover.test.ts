import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createClient } from './client.ts';

const running: Server[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close().closeAllConnections();
});

/** Answers every request with its name; `port` 0 takes any. */
async function serve(name: string, port = 0): Promise<{ url: string; port: number; stop(): Promise<void> }> {
  const server = createServer((_, response) => response.end(JSON.stringify({ name })));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  running.push(server);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    async stop() {
      server.close().closeAllConnections();
      await once(server, 'close');
    },
  };
}

it('asks the next of several servers while one cannot be reached, and stays with who answers', async () => {
  const [one, two] = await Promise.all([serve('one'), serve('two')]);
  const client = createClient({ servers: [one.url, two.url] });
  expect(await client.request('GET', '/')).toEqual({ name: 'one' });
  await one.stop();
  for (let i = 0; i < 3; i++) {
    // A connection that was open may break with the first request.
    const answer = await client.request('POST', '/', {}).catch(() => client.request('POST', '/', {}));
    expect(answer).toEqual({ name: 'two' });
  }
  await serve('one again', one.port);
  expect(await client.request('GET', '/')).toEqual({ name: 'two' });
  await two.stop();
  const answer = await client.request('GET', '/').catch(() => client.request('GET', '/'));
  expect(answer).toEqual({ name: 'one again' });
  client.close();
});

it('says that it could not connect when none of them can be reached', async () => {
  const [one, two] = await Promise.all([serve('one'), serve('two')]);
  await Promise.all([one.stop(), two.stop()]);
  const client = createClient({ servers: [one.url, two.url] });
  await expect(client.request('GET', '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  client.close();
});
