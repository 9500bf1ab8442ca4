import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { decompressed } from './compression.ts';
import { ArchiveError, readTar, type TarSource } from './tar.ts';

/** The files of an archive, or of a folder with the same layout, in any order. */
export interface Archive extends AsyncDisposable {
  has(path: string): boolean;
  size(path: string): number;
  read(path: string): AsyncIterable<Buffer>;
}

/**
 * Opens a tar archive, compressed or not, or a folder. A compressed one is unpacked to a temporary file: its parts
 * are read in another order than they come.
 *
 * @throws {ArchiveError} for what is neither
 */
export async function openArchive(file: string, temporary = tmpdir()): Promise<Archive> {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new ArchiveError(`${file}: no such file`);
  if (found.isDirectory()) return folderArchive(file);
  const scratch = mkdtempSync(join(temporary, 'v9s-load-'));
  try {
    const plain = join(scratch, 'archive.tar');
    const unpacked = decompressed(createReadStream(file));
    const compressed = await unpacked.isCompressed();
    if (compressed) await pipeline(unpacked.chunks(), createWriteStream(plain));
    return await tarArchive(compressed ? plain : file, scratch);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    throw new ArchiveError(`${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function tarArchive(file: string, scratch: string): Promise<Archive> {
  const entries = new Map<string, { offset: number; size: number; target?: string }>();
  const handle = await open(file);
  try {
    for await (const { path, type, offset, size, target } of readTar(fileSource(handle))) {
      const name = tidy(path);
      if (type === 'file') entries.set(name, { offset, size });
      // `docker save` of old wrote equal layers as links to the first.
      else if (type === 'symlink') entries.set(name, { offset, size, target: join(name, '..', target) });
      else if (type === 'hardlink') entries.set(name, { offset, size, target: tidy(target) });
    }
  } finally {
    await handle.close();
  }
  const find = (path: string) => {
    const entry = entries.get(tidy(path));
    return entry?.target === undefined ? entry : entries.get(entry.target);
  };
  return {
    has: (path) => find(path) !== undefined,
    size: (path) => find(path)?.size ?? 0,
    read(path) {
      const entry = find(path);
      if (!entry) throw new ArchiveError(`${path} is missing`);
      if (entry.size === 0) return nothing();
      return createReadStream(file, { start: entry.offset, end: entry.offset + entry.size - 1 });
    },
    async [Symbol.asyncDispose]() {
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function folderArchive(folder: string): Archive {
  return {
    has: (path) => existsSync(join(folder, path)),
    size: (path) => statSync(join(folder, path)).size,
    read(path) {
      if (!existsSync(join(folder, path))) throw new ArchiveError(`${folder}: ${path} is missing`);
      return createReadStream(join(folder, path));
    },
    async [Symbol.asyncDispose]() {},
  };
}

function fileSource(handle: FileHandle): TarSource {
  let position = 0;
  return {
    async read(length) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
      position += bytesRead;
      return buffer.subarray(0, bytesRead);
    },
    async skip(length) {
      position += length;
    },
  };
}

async function* nothing(): AsyncGenerator<Buffer> {}

const tidy = (path: string) => path.replace(/^(?:\.?\/)+/, '');
