import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./files/serve_hostname', import.meta.url));
const running: ChildProcess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    const gone = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  }
});

/** A port nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

function start(...args: string[]): ChildProcess {
  const child = spawn('perl', [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  return child;
}

/** Resolves when the program's log has said `wanted`. */
async function said(child: ChildProcess, wanted: string): Promise<void> {
  let log = '';
  for await (const chunk of child.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    log += String(chunk);
    if (log.includes(wanted)) return;
  }
  throw new Error(`ended before it said ${wanted}: ${log}`);
}

async function serving(...args: string[]): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const child = start(`-port=${port}`, ...args);
  await said(child, `Serving on port ${port}.`);
  return { child, port };
}

async function fetchOnce(port: number, agent?: Agent): Promise<{ response: IncomingMessage; body: string }> {
  const [response] = (await once(get({ port, agent, path: '/any' }), 'response')) as [IncomingMessage];
  return { response, body: await text(response) };
}

describe('serve_hostname', () => {
  it('answers every path with the host name, many at a time', async () => {
    const { port } = await serving();
    const answers = await Promise.all(Array.from({ length: 50 }, () => fetchOnce(port)));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set([hostname()]));
    expect(answers[0]?.response.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8' });
  });

  it('keeps a connection, unless told to close it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const kept = await serving();
    await fetchOnce(kept.port, agent);
    const again = get({ port: kept.port, agent });
    await once(again, 'response');
    expect(again.reusedSocket).toBe(true);
    agent.destroy();
    const { port } = await serving('-close');
    expect((await fetchOnce(port)).response.headers.connection).toBe('close');
  });

  it('serves the bare name over TCP and UDP', async () => {
    const { port } = await serving('-http=false', '-tcp', '-udp');
    const stream = connect(port, '127.0.0.1');
    expect(await text(stream)).toBe(hostname());
    const socket = createSocket('udp4');
    socket.send('?', port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    socket.close();
    expect(answer.toString()).toBe(hostname());
  });

  it('goes on serving after SIGTERM', async () => {
    const { child, port } = await serving();
    child.kill('SIGTERM');
    await said(child, 'Awaiting pod deletion.');
    expect((await fetchOnce(port)).body).toBe(hostname());
  });

  it.each([
    [['-http', '-tcp'], 1],
    [['-nonesuch'], 2],
  ])('refuses %j with exit code %i', async (args, code) => {
    expect(await once(start(...args), 'exit')).toEqual([code, null]);
  });
});
