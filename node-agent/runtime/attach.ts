import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import type { HeldProgram } from './beside.ts';
import { attachSocket } from './paths.ts';

/**
 * The streams of a container's own program, from now on, by way of its shim (shim.pl says how). Letting go of
 * them leaves the program alone. Resolves when connected.
 *
 * @param dir folder of the container's running attempt
 */
export async function attachToContainer(dir: string): Promise<HeldProgram> {
  const socket = await connectBelow(dir, attachSocket);
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = (async () => {
    try {
      for await (const { kind, content } of frames(socket)) {
        const stream = kind === 'o' ? stdout : stderr;
        if (!stream.write(content)) await once(stream, 'drain');
      }
    } catch {
      // The connection was cut, by us or by the end of the shim: either way it is over.
    } finally {
      stdout.end();
      stderr.end();
    }
    return 0;
  })();
  const send = (kind: string, content: Buffer | string, done: () => void = () => undefined) => {
    if (socket.writable) socket.write(frame(kind, Buffer.from(content)), () => done());
    else done();
  };
  return {
    stdin: new Writable({
      write: (chunk: Buffer, _encoding, done) => send('i', chunk, done),
      final: (done) => send('i', '', done),
    }),
    stdout,
    stderr,
    ended,
    resize: ({ columns, rows }) => send('r', `${columns} ${rows}`),
    hangUp() {
      // What was sent still arrives: the end of the input.
      socket.destroySoon();
      stdout.resume();
      stderr.resume();
    },
  };
}

/** Paths of sockets are short, those of containers long: the folder goes as a descriptor. */
function connectBelow(dir: string, name: string): Promise<Socket> {
  const folder = openSync(dir, 'r');
  return new Promise((resolve, reject) => {
    const socket = connect({ path: `/proc/self/fd/${folder}/${name}` });
    socket.once('connect', () => {
      closeSync(folder);
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', (error) => {
      if (socket.connecting || socket.pending) closeSync(folder);
      reject(error);
    });
  });
}

function frame(kind: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5, kind);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

async function* frames(socket: Socket): AsyncGenerator<{ kind: string; content: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 5) {
      const length = rest.readUInt32BE(1);
      if (rest.length < 5 + length) break;
      yield { kind: String.fromCharCode(rest[0] ?? 0), content: rest.subarray(5, 5 + length) };
      rest = rest.subarray(5 + length);
    }
  }
}

function once(stream: PassThrough, event: string): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off(event, done);
      stream.off('close', done);
      resolve();
    };
    stream.on(event, done);
    stream.on('close', done);
  });
}
