import { createServer as createHttpServer, type IncomingMessage, request, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { resources } from '../../api/scheme.ts';
import type { Node, Pod, Status } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { createTestPki } from '../testing/pki.ts';

/** What stands where a kubelet is: answers with what it was asked, and echoes what is upgraded. */
let kubelet: Server;
/** Any other server on the node. */
let backend: Server;
let api: TestApiserver;

const portOf = (server: Server) => (server.address() as AddressInfo).port;

function answer(request: IncomingMessage): { code: number; headers: Record<string, string>; body: string } {
  const { pathname } = new URL(request.url ?? '', 'http://x');
  if (pathname.endsWith('/bad')) return { code: 400, headers: {}, body: 'container "bad" is waiting' };
  if (pathname.endsWith('/broken')) return { code: 500, headers: {}, body: 'it broke' };
  if (pathname === '/moved') return { code: 302, headers: { location: '/there' }, body: '' };
  if (pathname === '/page')
    return { code: 200, headers: { 'content-type': 'text/html' }, body: '<a href="/x">' };
  const { method, url, headers } = request;
  return { code: 200, headers: { 'x-own': 'yes' }, body: JSON.stringify({ method, url, headers }) };
}

/** Longer than what a connection takes at once. */
const refusal = 'no\r\n'.repeat(1_000_000);

function serve(server: Server): Promise<void> {
  server.on('request', async (request, response) => {
    const { code, headers, body } = answer(request);
    const said = await text(request);
    response.writeHead(code, headers).end(said ? `${body} ${said}` : body);
  });
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith('/refused')) {
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`);
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Url: ${request.url}\r\n\r\n`,
    );
    socket.write(head);
    socket.pipe(socket);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

const container = (name: string) => ({ name, image: 'busybox' });
const pod = (name: string, nodeName: string, ...names: string[]): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { ...(nodeName ? { nodeName } : {}), containers: names.map(container) },
});

beforeAll(async () => {
  const pki = createTestPki();
  kubelet = createHttpsServer({ ...pki.server, ca: pki.ca, requestCert: true });
  backend = createHttpServer();
  await Promise.all([serve(kubelet), serve(backend)]);
  const { cert, key } = pki.client('kube-apiserver-kubelet-client', ['system:masters']);
  api = await startTestApiserver({ kubeletClient: { ca: pki.ca, cert, key } });
  const status = (Port: number) => ({
    addresses: [
      { type: 'Hostname', address: 'no-such-host' },
      { type: 'InternalIP', address: '127.0.0.1' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port } },
  });
  const nodes: Node[] = [
    { metadata: { name: 'worker' }, status: status(portOf(kubelet)) },
    { metadata: { name: 'down' }, status: status(1) },
  ];
  for (const node of nodes) await api.client.create(resources.nodes, node);
  await api.client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  for (const one of [
    pod('one', 'worker', 'main'),
    pod('two', 'worker', 'main', 'bad', 'broken'),
    pod('far', 'down', 'main'),
    pod('new', '', 'main'),
  ])
    await api.client.create(resources.pods, one);
});

afterAll(async () => {
  await api.stop();
  for (const server of [kubelet, backend]) {
    server.close();
    server.closeAllConnections();
  }
  expect(api.failures).toEqual([]);
});

interface Options {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

async function ask(path: string, { method = 'GET', headers = {}, body }: Options = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ socketPath: api.socket, path, method, headers }, resolve);
    outgoing.once('error', reject);
    // An answer to an upgrade comes with its connection.
    outgoing.once('upgrade', (answer, socket: Socket, head) => {
      socket.unshift(head);
      resolve(Object.assign(answer, { upgraded: socket }));
    });
    outgoing.end(body);
  });
  const upgraded = (response as IncomingMessage & { upgraded?: Socket }).upgraded;
  return { response, upgraded, body: upgraded ? '' : await text(response) };
}

/** What comes back of what is sent over an upgraded connection. */
async function echoed(upgraded: Socket | undefined, sent: string): Promise<string> {
  if (!upgraded) throw new Error('the connection was not upgraded');
  upgraded.end(sent);
  return text(upgraded);
}

const upgrade = { connection: 'Upgrade', upgrade: 'echo' };
const pods = '/api/v1/namespaces/default/pods';
const failure = async (path: string, options?: Options) => {
  const { body } = await ask(path, options);
  const { code, reason, message } = JSON.parse(body) as Status;
  return { code, reason, message };
};

describe('logs', () => {
  it('are asked of the kubelet of the pod', async () => {
    const { response, body } = await ask(`${pods}/one/log?follow=true&tailLines=5&pretty=x&sinceSeconds=9`);
    expect(response.headers['content-type']).toBe('text/plain');
    const { url, headers } = JSON.parse(body);
    expect(url).toBe('/containerLogs/default/one/main?follow=true&tailLines=5&sinceSeconds=9');
    expect(headers).not.toHaveProperty('authorization');
  });

  it.each([
    ['binary.k8s.io', (frame: Buffer) => frame],
    ['base64.binary.k8s.io', (frame: Buffer) => Buffer.from(frame.toString(), 'base64')],
  ])('come over WebSocket as %s, after an empty frame', async (protocol, decode) => {
    const socket = new WebSocket(`ws+unix:${api.socket}:${pods}/one/log`, protocol);
    const frames: Buffer[] = [];
    socket.on('message', (data: Buffer) => frames.push(data));
    await new Promise((resolve, reject) => socket.once('close', resolve).once('error', reject));
    expect(socket.protocol).toBe(protocol);
    expect(frames[0]).toHaveLength(0);
    expect(JSON.parse(Buffer.concat(frames.map(decode)).toString())).toMatchObject({
      url: '/containerLogs/default/one/main?',
    });
  });

  it('of a pod on no node are empty', async () => {
    expect((await ask(`${pods}/new/log`)).body).toBe('');
  });

  it.each([
    ['two/log', 400, 'a container name must be specified for pod two, choose one of: [main bad broken]'],
    ['two/log?container=x', 400, 'container x is not valid for pod two'],
    ['none/log', 404, 'pods "none" not found'],
    ['two/log?container=bad', 400, 'container "bad" is waiting'],
    ['two/log?container=broken', 500, 'Internal error occurred: it broke'],
    [
      'one/log?tailLines=-1',
      422,
      'PodLogOptions "one" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'far/log',
      500,
      'Get "https://127.0.0.1:1/containerLogs/default/far/main?": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
  ])('fail with words for %s', async (path, code, message) => {
    expect(await failure(`${pods}/${path}`)).toMatchObject({ code, message });
  });
});

describe('exec', () => {
  it('is passed to the kubelet, and then as bytes', async () => {
    const path = `${pods}/one/exec?command=a%20b&command=c&stdin=true&stdout=1&stderr=false&tty=true`;
    const { response, upgraded } = await ask(path, { method: 'POST', headers: upgrade });
    expect(response.headers['x-url']).toBe(
      '/exec/default/one/main?input=1&output=1&tty=1&command=a+b&command=c',
    );
    const sent = 'x'.repeat(3_000_000);
    expect((await echoed(upgraded, sent)) === sent).toBe(true);
  });

  it.each([
    ['one/exec?command=a', {}, 400, 'Upgrade request required'],
    ['new/exec?command=a', upgrade, 400, 'pod new does not have a host assigned'],
    [
      'two/attach',
      upgrade,
      400,
      'a container name must be specified for pod two, choose one of: [main bad broken]',
    ],
    [
      'far/portforward',
      upgrade,
      500,
      'error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused',
    ],
  ])('fails with words for %s', async (path, headers, code, message) => {
    expect(await failure(`${pods}/${path}`, { headers })).toMatchObject({ code, message });
  });
});

describe('proxy', () => {
  const node = '/api/v1/nodes/worker/proxy';
  const other = () => `/api/v1/nodes/http:worker:${portOf(backend)}/proxy`;

  it('passes on all but who asks', async () => {
    const { response, body } = await ask(`${other()}/a//b%2Fc/?d=e`, {
      method: 'PUT',
      headers: { authorization: 'Bearer secret', 'x-any': 'thing', 'content-type': 'text/plain' },
      body: 'sent',
    });
    expect(response.headers['x-own']).toBe('yes');
    const [asked = '', said] = body.split(/ (?=sent$)/);
    const { method, url, headers } = JSON.parse(asked);
    expect({ method, url, said }).toEqual({ method: 'PUT', url: '/a//b%2Fc/?d=e', said: 'sent' });
    expect(headers).toMatchObject({ 'x-any': 'thing', 'x-forwarded-uri': `${other()}/a//b%2Fc/?d=e` });
    expect(headers).not.toHaveProperty('authorization');
  });

  it('shows its certificate to kubelets', async () => {
    expect(JSON.parse((await ask(`${node}/pods`)).body).url).toBe('/pods');
  });

  it('leads links through itself', async () => {
    expect((await ask(`${other()}/moved`)).response.headers.location).toBe(`${other()}/there`);
    expect((await ask(`${other()}/page`)).body).toBe(`<a href="${other()}/x">`);
  });

  it('passes upgraded connections, and refusals of them', async () => {
    const { upgraded } = await ask(`${other()}/socket`, { headers: upgrade });
    expect(await echoed(upgraded, 'hello')).toBe('hello');
    const { response, body } = await ask(`${other()}/refused`, { headers: upgrade });
    expect([response.statusCode, body.length]).toEqual([403, refusal.length]);
  });

  it.each([
    ['/api/v1/nodes/ftp:worker:1/proxy/', 400, 'invalid node request "ftp:worker:1"'],
    ['/api/v1/nodes/none/proxy/', 404, 'nodes "none" not found'],
    [
      '/api/v1/nodes/http:worker:1/proxy/',
      503,
      'error trying to reach service: dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [`${pods}/one/proxy/`, 400, 'address not allowed'],
    ['/api/v1/namespaces/default/services/none/proxy/', 404, 'endpoints "none" not found'],
    ['/api/v1/namespaces/default/services/none:80/proxy/', 404, 'services "none" not found'],
  ])('fails with words for %s', async (path, code, message) => {
    expect(await failure(path)).toMatchObject({ code, message });
  });
});
