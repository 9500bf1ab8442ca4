/** One entry of a tar archive. */
export interface TarEntry {
  /** As the archive spells it. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Permission bits with set-user-ID and their kin. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of its content. */
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  /** Where a link leads. */
  target: string;
  /** Of its content, from the archive's first byte. */
  offset: number;
  /** Its content, at most once and before the next entry is asked for; what is left is skipped. */
  body(): AsyncGenerator<Buffer>;
}

/** Where a tar archive is read from. */
export interface TarSource {
  /** Up to so many bytes, none at the end. */
  read(length: number): Promise<Buffer>;
  skip(length: number): Promise<void>;
}

/** An archive that is not what it should be; the message says where. */
export class ArchiveError extends Error {
  override name = 'ArchiveError';
}

const block = 512;
const types: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/**
 * Reads a tar archive: ustar, with GNU's and POSIX' (pax) long names. Format: tar(5) and POSIX `pax`.
 *
 * @throws {ArchiveError} where it is cut off or is no tar archive
 */
export async function* readTar(source: TarSource): AsyncGenerator<TarEntry> {
  let position = 0;
  const exactly = async (length: number): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const piece = await source.read(missing);
      if (piece.length === 0) break;
      pieces.push(piece);
      missing -= piece.length;
    }
    const bytes = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
    position += bytes.length;
    return bytes;
  };
  let more: Record<string, string> = {};
  for (;;) {
    const header = await exactly(block);
    // Two empty blocks are the end; one, or none, is what some programs write.
    if (header.length === 0 || isEmpty(header)) return;
    if (header.length < block || !checksumHolds(header))
      throw new ArchiveError(`no tar header at byte ${position - header.length}`);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = more.size === undefined ? number(header, 124, 12) : Number(more.size);
    const padding = (block - (size % block)) % block;
    if (type === 'x' || type === 'L' || type === 'K' || type === 'g') {
      if (size > 1 << 20) throw new ArchiveError(`header of ${size} bytes at byte ${position}`);
      const text = await exactly(size + padding);
      if (text.length < size) throw new ArchiveError('cut off within a header');
      const content = text.subarray(0, size);
      if (type === 'x') more = { ...more, ...paxRecords(content) };
      else if (type !== 'g') more[type === 'L' ? 'path' : 'linkpath'] = string(content, 0, size);
      continue;
    }
    let rest = size;
    const entry: TarEntry = {
      path: more.path ?? ustarPath(header),
      type: types[type] ?? 'other',
      mode: number(header, 100, 8) & 0o7777,
      uid: Number(more.uid ?? number(header, 108, 8)),
      gid: Number(more.gid ?? number(header, 116, 8)),
      size,
      mtime: Math.trunc(Number(more.mtime ?? number(header, 136, 12))),
      target: more.linkpath ?? string(header, 157, 100),
      offset: position,
      async *body() {
        while (rest > 0) {
          const piece = await source.read(Math.min(rest, 1 << 20));
          if (piece.length === 0) throw new ArchiveError(`cut off within ${entry.path}`);
          rest -= piece.length;
          position += piece.length;
          yield piece;
        }
      },
    };
    // Before POSIX a folder was a file whose name ends with a slash.
    if (entry.type === 'file' && entry.path.endsWith('/')) entry.type = 'directory';
    more = {};
    yield entry;
    await source.skip(rest + padding);
    position += rest + padding;
  }
}

/** Bytes that come one after another, such as those of a decompressed layer. */
export function streamSource(chunks: AsyncIterable<Buffer>): TarSource {
  const iterator = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const read = async (length: number): Promise<Buffer> => {
    while (held.length === 0) {
      const { done, value } = await iterator.next();
      if (done) return held;
      held = value;
    }
    const piece = held.subarray(0, length);
    held = held.subarray(piece.length);
    return piece;
  };
  return {
    read,
    async skip(length) {
      for (let rest = length; rest > 0; ) {
        const { length: passed } = await read(rest);
        if (passed === 0) return;
        rest -= passed;
      }
    },
  };
}

function isEmpty(header: Buffer): boolean {
  return header.every((byte) => byte === 0);
}

/** The sum of all bytes with the checksum itself as spaces. */
function checksumHolds(header: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let at = 0; at < block; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  return sum === number(header, 148, 8);
}

function string(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
}

/** Octal digits; large ones are binary, which the first bit tells. */
function number(header: Buffer, at: number, length: number): number {
  const first = header[at] ?? 0;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let index = 1; index < length; index += 1) value = value * 256 + (header[at + index] ?? 0);
    return value;
  }
  return Number.parseInt(string(header, at, length).trim() || '0', 8);
}

function ustarPath(header: Buffer): string {
  const prefix = string(header, 257, 6) === 'ustar' ? string(header, 345, 155) : '';
  const name = string(header, 0, 100);
  return prefix ? `${prefix}/${name}` : name;
}

/** `LENGTH KEY=VALUE\n`, the length in bytes and with itself. */
function paxRecords(bytes: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, Math.max(space, at)).toString());
    if (space < 0 || !(length > 0)) throw new ArchiveError('a pax header without lengths');
    const record = bytes.subarray(space + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}
