import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createSpdyConnection, type SpdyOptions, type SpdyStream } from './connection.ts';
import { decodeFrames, encodeFrame, type Frame } from './frames.ts';
import { createHeaderReader, createHeaderWriter, dictionary } from './headers.ts';

const hex = (digits: string) => Buffer.from(digits, 'hex');

describe('headers', () => {
  it('are read as kubectl packs them, block after block of one zlib stream', async () => {
    const reader = createHeaderReader();
    // Captured from kubectl 1.27: `kubectl exec POD -- echo`.
    const error = hex('78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff');
    expect(await reader.read(error)).toEqual({ streamtype: 'error' });
    expect(await reader.read(hex('c22ac5565c92925f5a02000000ffff'))).toEqual({ streamtype: 'stdout' });
  });

  it('are written so that each block can be read as soon as it is there', async () => {
    const [writer, reader] = [createHeaderWriter(), createHeaderReader()];
    for (const headers of [{}, { port: '80', streamtype: 'data' }, { long: 'x'.repeat(15_000) }, {}]) {
      const block = writer.write(headers);
      expect(await reader.read(block)).toEqual(headers);
      // Go's reader gives out nothing before an empty block.
      expect(block.subarray(-5)).toEqual(hex('000000ffff'));
    }
  });

  it('are refused when they are longer than they are', async () => {
    const writer = createHeaderWriter();
    const block = writer.write({ a: 'b' });
    block.writeUInt32BE(1_000, 2 + 5 + 4);
    await expect(createHeaderReader().read(block)).rejects.toThrow('longer than its block');
  });

  it('know the dictionary of SPDY/3', () => {
    expect(dictionary).toHaveLength(1_423);
  });
});

describe('frames', () => {
  const frames: Exclude<Frame, { kind: 'other' }>[] = [
    { kind: 'syn-stream', stream: 1, fin: false, block: Buffer.from('block') },
    { kind: 'syn-reply', stream: 1, fin: true, block: Buffer.from('reply') },
    { kind: 'data', stream: 0x7fffffff, fin: true, data: Buffer.from('some data') },
    { kind: 'data', stream: 3, fin: false, data: Buffer.alloc(0) },
    { kind: 'rst-stream', stream: 5, status: 5 },
    { kind: 'ping', id: 7 },
    { kind: 'goaway', lastStream: 5, status: 0 },
  ];
  const bytes = Buffer.concat(frames.map(encodeFrame));

  it.each([1, 3, 8, bytes.length])('are read from pieces of %i bytes', async (size) => {
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const read: Frame[] = [];
    for await (const frame of decodeFrames(pieces())) read.push(frame);
    expect(read).toEqual(frames);
  });

  it('of another version are refused, and of a kind without use passed over', async () => {
    const read = async (content: Buffer) => {
      async function* one() {
        yield content;
      }
      const found: Frame[] = [];
      for await (const frame of decodeFrames(one())) found.push(frame);
      return found;
    };
    await expect(read(hex('8002000600000004000000ff'))).rejects.toThrow('a frame of SPDY version 2');
    await expect(read(hex('0000000101ffffff'))).rejects.toThrow('16777215 bytes');
    expect(await read(hex('800300090000000800000001000000ff'))).toEqual([{ kind: 'other', type: 9 }]);
  });
});

describe('a connection', () => {
  function pair(onStream: (stream: SpdyStream) => void, more: Partial<SpdyOptions> = {}) {
    const [here, there] = duplexPair();
    const server = createSpdyConnection(here, { role: 'server', onStream, ...more });
    const client = createSpdyConnection(there, { role: 'client', onStream: () => undefined });
    return { server, client, wire: there };
  }

  it('carries many streams, each direction with its own end', async () => {
    const { client } = pair(async (stream) => {
      const said = await text(stream);
      stream.end(`${stream.headers.name} heard ${said.length}`);
    });
    const sizes = [0, 1, 5_000_000];
    const answers = sizes.map((size) => {
      const stream = client.open({ name: `n${size}` });
      stream.end(Buffer.alloc(size));
      return text(stream);
    });
    expect(await Promise.all(answers)).toEqual(sizes.map((size) => `n${size} heard ${size}`));
  });

  it('resets the streams that it does not accept, and those that are destroyed', async () => {
    const seen: string[] = [];
    const { client } = pair(
      (stream) => {
        seen.push(stream.headers.name ?? '');
        stream.destroy();
      },
      { accepts: ({ name }) => name !== 'unwanted' },
    );
    for (const name of ['unwanted', 'wanted']) {
      const stream = client.open({ name });
      await new Promise((resolve) => stream.once('close', resolve));
    }
    expect(seen).toEqual(['wanted']);
  });

  it('answers pings of the other side', async () => {
    const [here, there] = duplexPair();
    createSpdyConnection(here, { role: 'server', onStream: () => undefined });
    there.write(encodeFrame({ kind: 'ping', id: 2 }));
    there.write(encodeFrame({ kind: 'ping', id: 9 }));
    const { value } = await decodeFrames(there).next();
    expect(value).toEqual({ kind: 'ping', id: 9 });
  });

  it('ends its streams with itself', async () => {
    const closed: Promise<unknown>[] = [];
    let opened: () => void = () => undefined;
    const open = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const { client, server, wire } = pair((stream) => {
      closed.push(new Promise((resolve) => stream.once('close', resolve)));
      opened();
    });
    const mine = client.open({});
    closed.push(new Promise((resolve) => mine.once('close', resolve)));
    await open;
    wire.destroy();
    await Promise.all(closed);
    expect([client.ended.aborted, server.ended.aborted]).toEqual([true, true]);
  });
});
