import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };
const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' };

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

async function send(method: string, path: string, body?: string | Buffer, headers: object = json) {
  const outgoing = request({ socketPath: server.socket, method, path, headers: { ...headers } });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { code: response.statusCode, headers: response.headers, bytes, text: String(bytes) };
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const envelope = Buffer.from('azhzAA==', 'base64');

describe('bodies that would do harm', () => {
  it.each([
    ['more than 3 MiB', 413, `{"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}}`, json],
    ['objects in objects, 100,000 deep', 400, nested(100_000), json],
    ['lists in lists', 400, '['.repeat(100_000), json],
    ['a null, which names nothing', 422, 'null', json],
    ['a number', 400, '1', json],
    ['protobuf without its beginning', 400, Buffer.from('{}'), protobuf],
    ['protobuf that ends too early', 400, Buffer.concat([envelope, Buffer.of(0x0a, 0x7f)]), protobuf],
    [
      'protobuf of a length beyond everything',
      400,
      Buffer.concat([envelope, Buffer.alloc(20, 0xff)]),
      protobuf,
    ],
  ])('%s: %i', async (_, code, body, headers) => {
    const answer = await send('POST', maps, body, headers);
    expect(answer.code).toBe(code);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', code });
  });

  it('with the names of JavaScript’s own properties are data like others', async () => {
    const data = '{"__proto__":"x","constructor":"y","toString":"z"}';
    const body = `{"metadata":{"name":"names","__proto__":{"polluted":"1"}},"data":${data},"__proto__":{"polluted":"1"}}`;
    const { code, text } = await send('POST', `${maps}?fieldValidation=Ignore`, body);
    expect(code, text).toBe(201);
    expect('polluted' in {}).toBe(false);
    expect(text).not.toContain('polluted');
    expect((await send('GET', `${maps}/names`)).text).toContain('"toString":"z"');
    expect((await send('GET', maps)).code).toBe(200);
  });
});

describe('what is no request', () => {
  it.each([
    'GARBAGE\r\n\r\n',
    `GET ${maps} HTTP/1.1\r\n\r\n`,
    `POST ${maps} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `GET ${maps} HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(100_000)}\r\n\r\n`,
  ])('%.30j is refused, and others are served', async (text) => {
    const socket = connect(server.socket);
    socket.write(text);
    // What is still under way when the server closes is answered by a reset.
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    await closed;
    expect(answer).toMatch(/^$|^HTTP\/1\.1 4\d\d /);
    expect((await send('GET', '/readyz')).code).toBe(200);
  });
});

describe('what a server tells of itself', () => {
  it('is its health, check by check', async () => {
    const { text } = await send('GET', '/readyz?verbose&exclude=log&exclude=none');
    expect(text.split('\n')).toEqual([
      '[+]ping ok',
      '[+]log excluded: ok',
      '[+]etcd ok',
      '[+]informer-sync ok',
      '[+]poststarthook/bootstrap-controller ok',
      '[+]poststarthook/rbac/bootstrap-roles ok',
      '[+]shutdown ok',
      'warn: some health checks cannot be excluded: no matches for "none"',
      'readyz check passed',
      '',
    ]);
    expect((await send('GET', '/livez/etcd')).text).toBe('ok');
    expect((await send('GET', '/livez/poststarthook/bootstrap-controller')).text).toBe('ok');
    expect((await send('GET', '/livez/none')).code).toBe(404);
  });

  it('is what it was asked, under upstream’s names', async () => {
    await send('GET', `${maps}/none`);
    const { text, headers } = await send('GET', '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0.0.4/);
    expect(text).toMatch(
      /^apiserver_request_total\{code="404",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"\} 1$/m,
    );
    expect(text).toMatch(
      /^apiserver_request_duration_seconds_bucket\{.*resource="configmaps".*,le="\+Inf"\} \d+$/m,
    );
    expect(text).toMatch(
      /^apiserver_storage_objects\{resource="roles\.rbac\.authorization\.k8s\.io"\} [1-9]/m,
    );
    expect(text).toMatch(/^apiserver_current_inflight_requests\{request_kind="readOnly"\} \d+$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });
});

describe('long answers', () => {
  it('are compressed for who takes gzip, and the same the third time', async () => {
    const data = { a: 'x'.repeat(200_000) };
    await send('POST', maps, JSON.stringify({ metadata: { name: 'long' }, data }));
    const plain = await send('GET', maps);
    expect(plain.headers['content-encoding']).toBeUndefined();
    for (let i = 0; i < 3; i++) {
      const { headers, bytes } = await send('GET', maps, undefined, {
        'accept-encoding': 'deflate, gzip;q=1',
      });
      expect(headers['content-encoding']).toBe('gzip');
      expect(JSON.parse(String(gunzipSync(bytes)))).toEqual(JSON.parse(plain.text));
    }
  });
});
