import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCatalogue } from '../../node-agent/runtime/images.ts';

const program = fileURLToPath(new URL('./files/usr/local/bin/python', import.meta.url));
let folder = '';
let server: ChildProcess;
let port = 0;
let log = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-python-'));
  writeFileSync(join(folder, 'index.html'), '<p>Hello</p>\n');
  writeFileSync(join(folder, 'a b.txt'), 'text');
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'data'), Buffer.alloc(300_000, 7));
  port = await freePort();
  server = spawn('perl', [program, '-m', 'SimpleHTTPServer', String(port)], { cwd: folder });
  server.stderr?.on('data', (chunk) => {
    log += String(chunk);
  });
  const [said] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  expect(said.toString()).toBe(`Serving HTTP on 0.0.0.0 port ${port} ...\n`);
});

afterAll(async () => {
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

it('serves index.html for a folder, with its type', async () => {
  const answer = await ask('/');
  expect(await answer.text()).toBe('<p>Hello</p>\n');
  expect(answer.headers.get('content-type')).toBe('text/html');
  expect(answer.headers.get('server')).toBe('SimpleHTTP/0.6 Python/2.7.18');
  await expect
    .poll(() => log)
    .toMatch(/^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4} [\d:]{8}\] "GET \/ HTTP\/1\.1" 200 -$/m);
});

it('serves files below the working directory and nothing else', async () => {
  expect(await (await ask('/a%20b.txt?x=1')).text()).toBe('text');
  expect((await (await ask('/sub/data')).arrayBuffer()).byteLength).toBe(300_000);
  expect(await (await ask('/sub/')).text()).toContain('<li><a href="data">data</a>');
  expect((await ask('/sub', { redirect: 'manual' })).headers.get('location')).toBe('/sub/');
  const outside = connect(port, '127.0.0.1');
  outside.end('GET /../../../../etc/passwd HTTP/1.0\r\n\r\n');
  expect(await text(outside)).toMatch(/^HTTP\/1\.0 404 File not found\r\n/);
  expect((await ask('/', { method: 'POST' })).status).toBe(501);
});

it('a client that sends nothing keeps nobody waiting', async () => {
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  expect((await ask('/')).status).toBe(200);
  silent.destroy();
});

it.each([
  [['--version'], 0, 'Python 2.7.18'],
  [['-c', 'print 1'], 2, 'asked for: python -c print 1'],
  [['-m', 'SimpleHTTPServer', 'x'], 1, 'port x is not a number'],
])('%j ends with %i', (args, status, said) => {
  expect(spawnSync('perl', [program, ...args], { encoding: 'utf8' })).toMatchObject({
    status,
    stderr: expect.stringContaining(said),
  });
});

it.each([
  'python:2.7',
  'docker.io/library/python:2.7',
  'katacoda/docker-http-server:latest',
  'katacoda/docker-http-server',
])('the catalogue knows %s', (reference) => {
  expect(loadCatalogue().find(reference)?.name).toBe(
    /python|docker-http-server/.exec(reference.split('/').at(-1) ?? '')?.[0],
  );
});

it('there is no python of another release', () => {
  expect(loadCatalogue().find('python:3')).toBeUndefined();
  expect(loadCatalogue().find('python')).toBeUndefined();
});
