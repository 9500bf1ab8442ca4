import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { fuzz } from '../testing/fuzz.ts';

const maps = '/api/v1/namespaces/default/configmaps';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

/** As it is: Node.js' client would refuse to send some of these. */
async function sendRaw(method: string, path: string, body = ''): Promise<{ code: number; text: string }> {
  const socket = connect(server.socket);
  const length = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${length}\r\n${body}`);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  // What is still being sent when the server closes comes to nothing.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return { code: Number(text.slice(9, 12)), text };
}

async function open(path: string): Promise<IncomingMessage> {
  const outgoing = request({ socketPath: server.socket, path, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

describe('paths that would lead elsewhere', () => {
  it.each([
    [`${maps}/..%2f..%2fkube-system`, 404],
    [`${maps}/%2e%2e`, 404],
    [`${maps}/..`, 404],
    [`${maps}/a%2fb`, 404],
    [`${maps}/a%00b`, 404],
    [`${maps}/${'x'.repeat(5_000)}`, 404],
    [`${maps}/%F0%9F%98%80`, 404],
    [`${maps}/%ff`, 400],
    [`${maps}/%zz`, 400],
    ['/api/v1/namespaces/../../../../etc/passwd', 404],
    ['/api/v1/namespaces/%00/configmaps/a', 404],
    ['/apis/__proto__/constructor', 404],
    ['/api/v1/__proto__/toString', 404],
    ['//////', 404],
    [`http://[/${'x'.repeat(10)}`, 404],
    ['*', 404],
  ])('%j: %j', async (path, code) => {
    const answer = await sendRaw('GET', path);
    expect(answer.code, answer.text.slice(0, 500)).toBe(code);
    expect(answer.text).not.toContain('root:');
  });

  it('are those that authorization has looked at', async () => {
    const user = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'mallory' }];
    const metadata = { name: 'mallory', namespace: 'default' };
    await server.client.create(resources.roles, {
      metadata,
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    });
    await server.client.create(resources.rolebindings, {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'mallory' },
      subjects: user,
    });
    const as = async (path: string) => {
      const headers = { 'impersonate-user': 'mallory' };
      const outgoing = request({ socketPath: server.socket, path, headers, agent: false }).end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await as(maps)).toBe(200);
    const elsewhere = 'kube-system/configmaps/extension-apiserver-authentication';
    expect(await as(`/api/v1/namespaces/${elsewhere}`)).toBe(403);
    for (const up of ['..', '%2e%2e', '.%2E']) {
      expect(await as(`${maps}/a/${up}/${up}/${up}/${elsewhere}`)).toBe(404);
      expect(await as(`${maps}/${up}/${up}/${elsewhere}`)).toBe(404);
    }
  });

  it.each(['..', '.', 'a/b', 'a%2fb', 'a\\u0000b', 'é', 'x'.repeat(254), '__proto__', 'A'])(
    'no object is named %j',
    async (name) => {
      const { code, text } = await sendRaw('POST', maps, `{"metadata":{"name":"${name}"}}`);
      expect(code).toBe(422);
      expect(text).toContain('metadata.name');
    },
  );
});

describe('sizes', () => {
  const body = (name: string, size: number) =>
    JSON.stringify({ metadata: { name }, data: { a: 'x'.repeat(size) } });

  it('up to what etcd takes are stored', async () => {
    expect((await sendRaw('POST', maps, body('large', 1_000_000))).code).toBe(201);
    const { data } = await server.client.get(resources.configmaps, { name: 'large', namespace: 'default' });
    expect(data?.a?.length).toBe(1_000_000);
  });

  it('above are refused in etcd’s words, or as too large to be read', async () => {
    const pod = (size: number) =>
      JSON.stringify({
        metadata: { name: 'large' },
        spec: { containers: [{ name: 'a', image: 'a', command: ['x'.repeat(size)] }] },
      });
    const pods = '/api/v1/namespaces/default/pods';
    const { code, text } = await sendRaw('POST', pods, pod(1_600_000));
    expect(code).toBe(500);
    expect(text).toContain('etcdserver: request is too large');
    expect((await sendRaw('POST', pods, pod(3 * 1024 * 1024))).code).toBe(413);
    expect((await sendRaw('POST', pods, pod(20 * 1024 * 1024))).text).toMatch(/^$|^HTTP\/1.1 413/);
    expect((await sendRaw('GET', '/readyz')).code).toBe(200);
  });
});

describe('watchers', () => {
  it('of five hundred all hear of everything, also when half of them die', async () => {
    const { metadata } = await server.client.list(resources.configmaps, { namespace: 'default' });
    const from = `${maps}?watch=1&resourceVersion=${metadata?.resourceVersion}`;
    const watchers = await Promise.all(Array.from({ length: 500 }, () => open(from)));
    const heard = watchers.map(() => 0);
    watchers.forEach((watcher, index) => {
      watcher.on('data', (bytes: Buffer) => {
        heard[index] = (heard[index] ?? 0) + bytes.toString().split('\n').length - 1;
      });
    });
    const create = (name: string) =>
      server.client.create(resources.configmaps, { metadata: { name, namespace: 'default' } });
    await create('heard-1');
    await expect.poll(() => heard.every((count) => count === 1)).toBe(true);
    for (const watcher of watchers.slice(250)) watcher.destroy();
    for (let i = 2; i <= 20; i++) await create(`heard-${i}`);
    await expect.poll(() => heard.slice(0, 250).every((count) => count === 20)).toBe(true);
    for (const watcher of watchers) watcher.destroy();
  });
});

describe('a list of many large objects', () => {
  it('comes whole, also to who reads slowly, who takes gzip, and piece by piece', async () => {
    const data = { a: 'y'.repeat(100_000) };
    const labels = { many: 'yes' };
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        server.client.create(resources.configmaps, {
          metadata: { name: `many-${i}`, namespace: 'default', labels },
          data,
        }),
      ),
    );
    const read = async (path: string) => {
      const response = await open(path);
      // Nobody reads until everything there is room for has been sent.
      await expect.poll(() => response.readableLength).toBeGreaterThan(0);
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      expect(Buffer.concat(chunks).length).toBe(Number(response.headers['content-length']));
      return JSON.parse(Buffer.concat(chunks).toString());
    };
    const { items } = await read(`${maps}?labelSelector=many`);
    expect(items).toHaveLength(60);
    const named = (list: { metadata?: { name?: string } }[]) => list.map(({ metadata }) => metadata?.name);
    // By a component in the same process, which takes it from a stream of its own.
    const through = await server.client.list(resources.configmaps, { labelSelector: 'many' });
    expect(named(through.items)).toEqual(named(items));
    let part = await read(`${maps}?labelSelector=many&limit=50`);
    expect(part.items).toHaveLength(50);
    const first = named(part.items);
    part = await read(`${maps}?labelSelector=many&limit=50&continue=${part.metadata.continue}`);
    expect([...first, ...named(part.items)]).toEqual(named(items));
    // Who goes away in the middle leaves nothing behind.
    const left = await open(maps);
    left.destroy();
    expect((await sendRaw('GET', '/readyz')).code).toBe(200);
  });
});

it('answers what nobody means with what is wrong about it', async () => {
  const { codes, wrong } = await fuzz({ socket: server.socket, seed: 1, count: 500 });
  expect(wrong).toEqual([]);
  expect(codes[201]).toBeGreaterThan(0);
  expect('polluted' in {}).toBe(false);
});
