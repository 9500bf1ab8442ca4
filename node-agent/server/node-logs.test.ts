import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sendNodeLog } from './node-logs.ts';

test('logs of the node are files and lists, and nothing outside of their folder', async () => {
  const top = mkdtempSync(join(tmpdir(), 'node-logs-'));
  const folder = join(top, 'log');
  mkdirSync(join(folder, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'a<b.log'), 'said\n');
  writeFileSync(join(folder, 'empty.log'), '');
  writeFileSync(join(top, 'secret'), 'secret');
  symlinkSync(join(top, 'secret'), join(folder, 'link'));
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('/').filter(Boolean).map(decodeURIComponent);
    void sendNodeLog(response, folder, path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return [answer.status, await answer.text()];
  };
  try {
    const [status, list] = await get('/');
    expect(status).toBe(200);
    expect(list).toContain('<a href="a%3Cb.log">a&lt;b.log</a>\n');
    expect(list).toContain('<a href="sub/">sub/</a>\n');
    expect(await get('/a%3Cb.log')).toEqual([200, 'said\n']);
    expect(await get('/empty.log')).toEqual([200, '']);
    expect(await get('/link')).toEqual([404, '404 page not found\n']);
    expect(await get('/%2e%2e%2fsecret')).toEqual([404, '404 page not found\n']);
    expect((await get('/none'))[0]).toBe(404);
  } finally {
    server.close();
    rmSync(top, { recursive: true });
  }
});
