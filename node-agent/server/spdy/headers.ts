import { createInflate, type Inflate, type ZlibOptions } from 'node:zlib';

/** Names in lower case; several values of one name are separated by zero bytes. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** Packs the header blocks of one connection, in the order in which they are sent. */
export interface HeaderWriter {
  write(headers: SpdyHeaders): Buffer;
}

/** Unpacks the other side's; each block needs all that came before it. */
export interface HeaderReader {
  /** Rejects when the block is not well-formed. */
  read(block: Buffer): Promise<SpdyHeaders>;
  close(): void;
}

/** Header blocks are one zlib stream a direction (SPDY/3.1, section 2.6.10). */
export function createHeaderWriter(): HeaderWriter {
  let first = true;
  return {
    write(headers) {
      const content = headerBlock(headers);
      // Stored blocks are deflate too, and without compression nothing of the past is needed.
      const parts: Buffer[] = first ? [zlibHeader] : [];
      first = false;
      for (let start = 0; start < content.length; start += largestStored)
        parts.push(stored(content.subarray(start, start + largestStored)));
      // An empty one is what makes a reader give out all that came before: Z_SYNC_FLUSH.
      return Buffer.concat([...parts, stored(Buffer.alloc(0))]);
    },
  };
}

export function createHeaderReader(): HeaderReader {
  let inflate: Inflate | undefined;
  return {
    async read(block) {
      if (block.length > largestBlock) throw new RangeError(`a SPDY header block of ${block.length} bytes`);
      // The same stream reads with and without the dictionary. It may hold all that a block can grow to.
      inflate ??= createInflate({ dictionary, readableHighWaterMark: largestBlock * 1100 } as ZlibOptions);
      const stream = inflate;
      await new Promise<void>((resolve, reject) => {
        stream.once('error', reject);
        stream.write(block, (error) => {
          stream.off('error', reject);
          if (error) reject(error);
          else resolve();
        });
      });
      return parseHeaderBlock((stream.read() as Buffer | null) ?? Buffer.alloc(0));
    },
    close: () => inflate?.destroy(),
  };
}

const zlibHeader = Buffer.from([0x78, 0x01]);
const largestStored = 0xffff;
const largestBlock = 16 << 10;

/** One block of deflate that is not compressed; RFC 1951 section 3.2.4. */
function stored(content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(content.length, 1);
  head.writeUInt16LE(~content.length & 0xffff, 3);
  return Buffer.concat([head, content]);
}

function headerBlock(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  return Buffer.concat([
    uint32(entries.length),
    ...entries.flatMap(([name, value]) => [text(name.toLowerCase()), text(value)]),
  ]);
}

function parseHeaderBlock(content: Buffer): SpdyHeaders {
  let at = 4;
  const next = () => {
    const length = content.readUInt32BE(at);
    if (at + 4 + length > content.length) throw new RangeError('a SPDY header is longer than its block');
    const found = content.toString('latin1', at + 4, at + 4 + length);
    at += 4 + length;
    return found;
  };
  const headers: Record<string, string> = {};
  for (let count = content.readUInt32BE(0); count > 0; count--) headers[next()] = next();
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([uint32(bytes.length), bytes]);
}

const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status';
const moreWords = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'];
const rest =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** What every zlib stream of headers is taken to begin with: SPDY/3.1, section 2.6.10.1. */
export const dictionary = Buffer.concat([
  ...[...words.split(' '), ...moreWords].map(text),
  Buffer.from(rest, 'latin1'),
]);
