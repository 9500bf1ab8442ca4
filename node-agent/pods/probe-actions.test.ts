import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runAction } from './probe-actions.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const target = { ip: '127.0.0.1', pid: 0, dir: '/nonexistent' };
const signal = () => AbortSignal.timeout(10_000);

/** Answers `/ok`, `/moved` (to ok), `/away` (to another host), `/loop`, and `/echo` with two of its headers. */
async function serve(): Promise<number> {
  server = createServer(({ url, headers }, response) => {
    const location = { '/moved': '/ok', '/away': 'http://elsewhere.example/', '/loop': '/loop' }[url ?? ''];
    if (location) response.writeHead(302, { location });
    else if (url === '/echo')
      response.writeHead(headers['user-agent'] === 'mine' && headers.host === 'named' ? 200 : 400);
    else response.writeHead(url === '/ok' ? 200 : 503);
    response.end();
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('runAction', () => {
  it('takes 200 to 399 for success, follows what stays on the host and tells the rest', async () => {
    const port = await serve();
    const container = { name: 'web', ports: [{ name: 'http', containerPort: port }] };
    const ask = (path: string) => runAction(container, { httpGet: { path, port: 'http' } }, target, signal());
    expect(await Promise.all(['/ok', '/moved', 'ok', '/away'].map(ask))).toEqual(Array(4).fill(undefined));
    expect(await ask('/down')).toBe('HTTP probe failed with statuscode: 503');
    expect(await ask('/loop')).toBe(`Get "http://127.0.0.1:${port}/loop": stopped after 10 redirects`);
  });

  it("sends the probe's headers instead of its own", async () => {
    const port = await serve();
    const httpHeaders = [
      { name: 'User-Agent', value: 'mine' },
      { name: 'Host', value: 'named' },
    ];
    const httpGet = { path: '/echo', port, httpHeaders };
    expect(await runAction({ name: 'web' }, { httpGet }, target, signal())).toBeUndefined();
  });

  it('says what is wrong in the words of Go', async () => {
    const ask = (action: Parameters<typeof runAction>[1]) =>
      runAction({ name: 'web' }, action, target, signal());
    expect(await ask({ tcpSocket: { port: 1 } })).toBe('dial tcp 127.0.0.1:1: connect: connection refused');
    expect(await ask({ httpGet: { port: 1 } })).toBe(
      'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    expect(await ask({ httpGet: { port: 'nosuch' } })).toBe('couldn\'t find port: "nosuch" in container web');
  });
});
