import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createInbox } from './inbox.ts';
import { listenTcp, type TcpLimits } from './tcp.ts';
import type { Answer } from './udp.ts';

/** Clients that are slow, silent, or do not read: the answer to a message is the message itself. */

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

const limits: TcpLimits = {
  firstTimeout: 60_000,
  idleTimeout: 60_000,
  writeTimeout: 60_000,
  sweepInterval: 20,
  connections: 100,
  bytes: 1 << 20,
};
const echo: Answer = (packet) => Buffer.from(packet);

async function listen(answer: Answer = echo, changed: Partial<TcpLimits> = {}): Promise<number> {
  const place = { host: '127.0.0.1', port: 0, shared: false };
  const fail = (error: Error) => {
    throw error;
  };
  const listener = await listenTcp(place, answer, fail, { ...limits, ...changed });
  ends.push(() => listener.close());
  return listener.port;
}

/** A client, what it was told, and whether the other side has ended it. */
async function join(port: number): Promise<{ socket: Socket; told: string[]; gone: Promise<unknown> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  ends.push(() => socket.destroy());
  socket.on('error', () => socket.destroy()); // the server may reset it
  const told: string[] = [];
  const inbox = createInbox();
  socket.on('data', (chunk) => {
    inbox.add(chunk);
    for (let reply = inbox.next(); reply; reply = inbox.next()) told.push(reply.toString());
    inbox.settle();
  });
  const gone = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  await once(socket, 'connect');
  return { socket, told, gone };
}

function framed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

test('a byte at a time', async () => {
  const { socket, told } = await join(await listen());
  const long = 'x'.repeat(300);
  for (const byte of Buffer.concat([framed('one'), framed(long), framed('two')])) {
    socket.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  await expect.poll(() => told).toEqual(['one', long, 'two']);
});

test('answers come in the order in which they are ready', async () => {
  const first = Promise.withResolvers<void>();
  const { socket, told } = await join(
    await listen(async (packet) => {
      if (packet.toString() === 'slow') await first.promise;
      return Buffer.from(packet);
    }),
  );
  socket.write(Buffer.concat([framed('slow'), framed('quick')]));
  await expect.poll(() => told).toEqual(['quick']);
  first.resolve();
  await expect.poll(() => told).toEqual(['quick', 'slow']);
});

test('a client that has ended its side still gets what it asked for, then the other side ends', async () => {
  const ready = Promise.withResolvers<void>();
  const port = await listen(async (packet) => {
    await ready.promise;
    return Buffer.from(packet);
  });
  const { socket, told, gone } = await join(port);
  socket.end(framed('last'));
  await new Promise(setImmediate);
  ready.resolve();
  await gone;
  expect(told).toEqual(['last']);
});

test.each([
  ['says nothing', Buffer.alloc(0), { firstTimeout: 50 }, []],
  ['sends half a length', Buffer.from([0]), { firstTimeout: 50 }, []],
  ['never sends the rest', framed('whole').subarray(0, 5), { firstTimeout: 50 }, []],
  ['says nothing more', framed('one'), { idleTimeout: 50 }, ['one']],
])('who %s is let go', async (_, bytes, changed, expected) => {
  const { socket, told, gone } = await join(await listen(echo, changed));
  socket.write(bytes);
  await gone;
  expect(told).toEqual(expected);
});

test('who waits for an answer is not idle', async () => {
  const ready = Promise.withResolvers<Buffer>();
  const port = await listen(() => ready.promise, { firstTimeout: 20, idleTimeout: 20 });
  const waiting = await join(port);
  waiting.socket.write(framed('?'));
  const idle = await join(port);
  await idle.gone; // the sweep has been here
  ready.resolve(Buffer.from('!'));
  await expect.poll(() => waiting.told).toEqual(['!']);
});

test('of too many connections the one that has been silent for the longest time goes', async () => {
  const port = await listen(echo, { connections: 3 });
  const [a, b, c] = [await join(port), await join(port), await join(port)];
  a.socket.write(framed('still here'));
  await expect.poll(() => a.told).toHaveLength(1);
  const d = await join(port);
  await b.gone;
  for (const { socket } of [a, c, d]) socket.write(framed('hello'));
  await expect.poll(() => [a, c, d].map(({ told }) => told.at(-1))).toEqual(['hello', 'hello', 'hello']);
});

test('long messages that are never whole push each other out, not those who behave', async () => {
  const port = await listen(echo, { bytes: 100_000 });
  const good = await join(port);
  const part = framed('x'.repeat(60_000)).subarray(0, 50_000);
  const greedy = [await join(port), await join(port), await join(port)];
  for (const { socket } of greedy) socket.write(part);
  await Promise.race(greedy.map(({ gone }) => gone));
  good.socket.write(framed('hello'));
  await expect.poll(() => good.told).toEqual(['hello']);
});

test('who does not read its replies is not read from, and let go', async () => {
  let asked = 0;
  const reply = Buffer.alloc(60_000);
  const port = await listen(
    () => {
      asked++;
      return reply;
    },
    { writeTimeout: 50 },
  );
  const { socket, gone } = await join(port);
  socket.pause();
  const many = Buffer.concat(Array.from({ length: 10_000 }, () => framed('?')));
  socket.write(many);
  const good = await join(port);
  await expect
    .poll(
      () => {
        socket.write(framed('?'));
        return socket.destroyed;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  await gone;
  expect(asked).toBeLessThan(1_000); // 60 MB, most of it in the kernel's buffers
  good.socket.write(framed('?'));
  await expect.poll(() => good.told.length).toBe(1);
});
