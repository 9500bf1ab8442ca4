import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Status } from '../../api/types.ts';
import type { HeldProgram } from '../runtime/beside.ts';
import { connectToPod } from '../runtime/forward.ts';
import { forwardOverWebSocket } from './forward-websocket.ts';
import { createPairing, portForwardProtocol } from './port-forward.ts';
import { acceptClient, serveProgram } from './remote-command.ts';
import { createSpdyConnection, type SpdyConnection } from './spdy/connection.ts';
import type { TerminalSize } from './streams.ts';
import { negotiateSpdy, upgradeToSpdy } from './upgrade/spdy.ts';
import { isWebSocket } from './upgrade/upgraded.ts';
import { sendUpgradeFailure } from './upgrades.ts';

let server: Server;
let echo: ReturnType<typeof createTcpServer>;
const sizes: TerminalSize[] = [];
const portOf = (listening: { address(): unknown }) => (listening.address() as AddressInfo).port;

/** Any program in the place of one in a container. */
function program(script: string): HeldProgram {
  if (script === 'none') throw new Error('no such program');
  const child = spawn('sh', ['-c', script]);
  const { stdin, stdout, stderr } = child;
  stdin.on('error', () => undefined);
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 137)));
  return {
    stdin,
    stdout,
    stderr,
    ended,
    resize: (size) => sizes.push(size),
    hangUp: () => void child.kill(),
  };
}

beforeAll(async () => {
  echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.write('hello ');
    socket.pipe(socket);
  });
  server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
    const upgrade = { request, socket, head };
    const url = new URL(request.url ?? '', 'http://x');
    const serve = async () => {
      if (url.pathname === '/exec') {
        const tty = url.searchParams.has('tty');
        const client = await acceptClient(upgrade, { stdin: true, stdout: true, stderr: !tty, tty });
        const script = url.searchParams.get('script') ?? '';
        return serveProgram(client, () => program(script), 'executing command in container');
      }
      const target = { pod: 'web', uid: 'u1', connect: (port: number) => connectToPod(undefined, port, '') };
      if (isWebSocket(request)) return forwardOverWebSocket(upgrade, [portOf(echo), 1], target);
      upgradeToSpdy(upgrade, negotiateSpdy(upgrade, [portForwardProtocol]), createPairing(target));
    };
    serve().catch((error: unknown) => sendUpgradeFailure(upgrade, error));
  });
  await Promise.all(
    [server, echo].map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))),
  );
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
  echo.close();
});

const exec = (script: string) => `/exec?${new URLSearchParams({ script })}`;

/** Speaks WebSocket; resolves to what came on each channel once the server has closed. */
async function overWebSocket(path: string, protocol: string | undefined, messages: (string | Buffer)[]) {
  const socket = new WebSocket(`ws://127.0.0.1:${portOf(server)}${path}`, protocol ? [protocol] : []);
  const channels: string[] = ['', '', '', '', ''];
  const base64 = protocol?.includes('base64');
  socket.on('message', (data: Buffer) => {
    const content = data.subarray(1);
    const channel = base64 ? Number(String.fromCharCode(data[0] ?? 0)) : (data[0] ?? 0);
    channels[channel] =
      (channels[channel] ?? '') + (base64 ? Buffer.from(String(content), 'base64') : String(content));
  });
  socket.on('open', () => {
    for (const message of messages) socket.send(message);
  });
  const code = await new Promise<number>((resolve, reject) => {
    socket.once('close', resolve);
    socket.once('error', reject);
  });
  return { channels, code, protocol: socket.protocol };
}

const byte = (channel: number, content: string | Buffer = '') =>
  Buffer.concat([Buffer.from([channel]), Buffer.from(content)]);

const toUpper = 'read line; echo "$line" | tr a-z A-Z; echo err >&2; exit 3';

describe('exec over WebSocket', () => {
  it.each([
    ['v5.channel.k8s.io', [byte(0, 'hello\n')]],
    ['v4.channel.k8s.io', [byte(0, 'hel'), byte(0, 'lo\n')]],
    ['v4.base64.channel.k8s.io', [`0${Buffer.from('hello\n').toString('base64')}`]],
  ])('speaks %s', async (protocol, messages) => {
    const { channels, code, protocol: agreed } = await overWebSocket(exec(toUpper), protocol, messages);
    expect([agreed, code, channels[1], channels[2]]).toEqual([protocol, 1000, 'HELLO\n', 'err\n']);
    expect(JSON.parse(channels[3] ?? '') as Status).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it.each([undefined, 'channel.k8s.io', 'base64.channel.k8s.io'])(
    'tells of failures as text to %s',
    async (protocol) => {
      const { channels } = await overWebSocket(exec('exit 3'), protocol, []);
      expect(channels[3]).toContain('command terminated with exit code 3');
      const good = await overWebSocket(exec('exit 0'), protocol, []);
      expect(good.channels[3]).toBe('');
    },
  );

  it('ends the input alone, since v5', async () => {
    const close = byte(255, Buffer.from([0]));
    const { channels } = await overWebSocket(exec('cat; echo end'), 'v5.channel.k8s.io', [
      byte(0, 'in '),
      close,
    ]);
    expect(channels[1]).toBe('in end\n');
    expect(JSON.parse(channels[3] ?? '')).toMatchObject({ status: 'Success' });
  });

  it('passes on the size of the terminal', async () => {
    sizes.length = 0;
    await overWebSocket(`${exec('read x')}&tty=1`, 'v5.channel.k8s.io', [
      byte(4, '{"Width":81,"Height":25}'),
      byte(4, 'nonsense'),
      byte(0, '\n'),
    ]);
    expect(sizes).toEqual([{ columns: 81, rows: 25 }]);
  });

  it('says what could not be started', async () => {
    const { channels } = await overWebSocket(exec('none'), 'v5.channel.k8s.io', []);
    expect(JSON.parse(channels[3] ?? '')).toMatchObject({
      reason: 'InternalError',
      message: 'Internal error occurred: error executing command in container: no such program',
    });
  });

  it('refuses other protocols', async () => {
    await expect(overWebSocket(exec('true'), 'v6.channel.k8s.io', [])).rejects.toThrow('403');
  });
});

/** Speaks SPDY, once the server agrees to one of these protocols. */
async function overSpdy(
  path: string,
  protocols: string[],
): Promise<{ connection: SpdyConnection; protocol: string }> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocols };
    const outgoing = request({ port: portOf(server), host: '127.0.0.1', method: 'POST', path, headers });
    outgoing.once('upgrade', (answer, socket) => {
      const connection = createSpdyConnection(socket, { role: 'client', onStream: () => undefined });
      resolve({ connection, protocol: String(answer.headers['x-stream-protocol-version']) });
    });
    outgoing.once('response', async (answer) =>
      reject(new Error(`${answer.statusCode} ${await text(answer)}`)),
    );
    outgoing.end();
  });
}

describe('exec over SPDY', () => {
  it.each(['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'])(
    'speaks %s',
    async (wanted) => {
      const { connection, protocol } = await overSpdy(exec('cat; echo err >&2; exit 3'), [
        'v9.channel.k8s.io',
        wanted,
      ]);
      expect(protocol).toBe(wanted);
      const [error, stdin, stdout, stderr] = ['error', 'stdin', 'stdout', 'stderr'].map((streamtype) =>
        connection.open({ streamtype }),
      );
      if (!error || !stdin || !stdout || !stderr) throw new Error('no streams');
      stdin.end('through');
      expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['through', 'err\n']);
      const told = await text(error);
      if (wanted.startsWith('v4')) expect(JSON.parse(told)).toMatchObject({ reason: 'NonZeroExitCode' });
      else expect(told).toContain('command terminated with exit code 3');
    },
  );

  it('refuses other protocols', async () => {
    await expect(overSpdy(exec('true'), ['v9.channel.k8s.io'])).rejects.toThrow(
      '403 unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts [v4',
    );
  });
});

describe('port-forward', () => {
  /** Two connections of one client: one to the echo, one to a port where nothing listens. */
  async function forward(connection: SpdyConnection): Promise<void> {
    const open = (port: number, requestid: string) =>
      (['error', 'data'] as const).map((streamtype) =>
        connection.open({ streamtype, port: String(port), requestid }),
      );
    const [, data] = open(portOf(echo), '0');
    const [error] = open(1, '1');
    if (!data || !error) throw new Error('no streams');
    data.end('world');
    expect(await text(data)).toBe('hello world');
    expect(await text(error)).toMatch(
      /^error forwarding port 1 to pod web, uid u1: failed to connect to localhost:1: .*ECONNREFUSED/,
    );
    connection.close();
  }

  it('works over SPDY', async () => {
    const { connection } = await overSpdy('/portForward', [portForwardProtocol]);
    await forward(connection);
  });

  it("works over SPDY's frames in WebSocket's", async () => {
    // `ws` refuses to send a protocol that is no token, so the client's own check is left out here.
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(server)}/portForward`, {
      headers: { 'sec-websocket-protocol': `SPDY/3.1+${portForwardProtocol}` },
    });
    const agreed = new Promise<unknown>((resolve) => {
      socket.once('upgrade', ({ headers }) => resolve(headers['sec-websocket-protocol']));
      socket.on('error', () => undefined);
    });
    expect(await agreed).toBe(`SPDY/3.1+${portForwardProtocol}`);
    socket.terminate();
  });

  it.each(['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'])('works over %s', async (protocol) => {
    const base64 = protocol.includes('base64');
    const message = base64 ? `0${Buffer.from('world').toString('base64')}` : byte(0, 'world');
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(server)}/portForward`, [protocol]);
    const channels: Buffer[] = [0, 1, 2, 3].map(() => Buffer.alloc(0));
    const whole = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const channel = base64 ? Number(String.fromCharCode(data[0] ?? 0)) : (data[0] ?? 0);
        const content = base64 ? Buffer.from(String(data.subarray(1)), 'base64') : data.subarray(1);
        channels[channel] = Buffer.concat([channels[channel] ?? Buffer.alloc(0), content]);
        const [echoed = '', , , failed = ''] = channels.map((one) => one.subarray(2).toString());
        if (echoed === 'hello world' && failed !== '') resolve();
      });
    });
    socket.on('open', () => socket.send(message));
    await whole;
    expect(channels.map((content) => content.readUInt16LE(0))).toEqual([portOf(echo), portOf(echo), 1, 1]);
    expect(String(channels[3])).toContain('error forwarding port 1 to pod web, uid u1: ');
    socket.close();
  });
});
