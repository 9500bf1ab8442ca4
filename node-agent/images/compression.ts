import { pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { ArchiveError } from './tar.ts';

/** Bytes that may be compressed; their first ones tell. */
export interface Decompressed {
  isCompressed(): Promise<boolean>;
  /** Plain, whatever they were. Once. */
  chunks(): AsyncGenerator<Buffer>;
}

/** Reads gzip (RFC 1952), and zstd (RFC 8878) where this Node.js knows it; anything else is passed on. */
export function decompressed(source: AsyncIterable<Buffer>): Decompressed {
  const iterator = source[Symbol.asyncIterator]();
  let begun: Promise<Buffer> | undefined;
  const beginning = () => {
    begun ??= firstBytes(iterator);
    return begun;
  };
  const whole = async function* () {
    yield await beginning();
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) return;
      yield value;
    }
  };
  return {
    isCompressed: async () => decoder(await beginning()) !== undefined,
    async *chunks() {
      const create = decoder(await beginning());
      if (!create) return yield* whole();
      const decoding = create();
      // Its failure is the reader's, by way of the decoder that it ends.
      pipeline(Readable.from(whole()), decoding, () => undefined);
      yield* decoding as AsyncIterable<Buffer>;
    },
  };
}

async function firstBytes(iterator: AsyncIterator<Buffer>): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < 4) {
    const { done, value } = await iterator.next();
    if (done) break;
    bytes = Buffer.concat([bytes, value]);
  }
  return bytes;
}

function decoder(bytes: Buffer): (() => NodeJS.ReadWriteStream) | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return zlib.createGunzip;
  if (bytes.length >= 4 && bytes.readUInt32LE() === 0xfd2fb528) {
    if (typeof zlib.createZstdDecompress === 'function') return zlib.createZstdDecompress;
    throw new ArchiveError(
      `compressed with zstd, which Node.js ${process.versions.node} cannot read; Node.js 22.15 can, or compress it with gzip`,
    );
  }
  if (bytes.subarray(0, 3).toString('latin1') === 'BZh' || bytes.subarray(1, 4).toString('latin1') === '7zX')
    throw new ArchiveError('compressed with bzip2 or xz, which are not read; compress it with gzip');
  return undefined;
}
