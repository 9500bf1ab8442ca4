import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decompressed } from './compression.ts';
import { insideTree } from './inside-tree.ts';
import { ArchiveError, readTar, streamSource, type TarEntry } from './tar.ts';

/** A file system tree that layers are laid into, one over the other. */
export interface LayerTree {
  /**
   * Lays one more over what is there.
   *
   * @throws {ArchiveError} when its bytes are not those that the digests tell
   */
  apply(bytes: AsyncIterable<Buffer>, expected: { digest?: string; diffId: string }): Promise<void>;
  /** Gives folders their modes, after the last one. */
  finish(): void;
  /** Bytes of all files laid down, and what could not be. */
  readonly size: number;
  /** Files that belong to somebody else than root, which only root can give them to. */
  readonly foreignOwners: number;
  /** Devices, pipes and the like, which are left out. */
  readonly leftOut: readonly string[];
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * Lays layers into `root`, an empty folder, as image-spec `layer.md` says: whiteouts take away what lower layers
 * have, and only that. Nothing is written outside of `root`, wherever links of the layers lead. Owners are kept
 * where this user may give files away (`asRoot`); otherwise all is the user's, who is root in a lab.
 */
export function createLayerTree(root: string, asRoot: boolean): LayerTree {
  const folderModes = new Map<string, number>();
  const leftOut: string[] = [];
  let size = 0;
  let foreignOwners = 0;

  const applyEntry = async (entry: TarEntry, written: Set<string>): Promise<void> => {
    const path = entry.path.split('/').filter((part) => part !== '' && part !== '.');
    const name = path.pop();
    if (path.includes('..') || name === '..') throw new ArchiveError(`${entry.path} leads out of the image`);
    if (name === undefined) return;
    const folder = makeFolders(root, path);
    const place = join(folder, name);
    if (name === opaque) {
      for (const one of readdirSync(folder)) removeLower(join(folder, one), written);
      return;
    }
    if (name.startsWith(whiteout)) {
      // Others of that kind are notes of aufs to itself.
      if (!name.startsWith('.wh..wh.')) removeLower(join(folder, name.slice(whiteout.length)), written);
      return;
    }
    for (let at = place; at.length > root.length; at = at.slice(0, at.lastIndexOf('/'))) written.add(at);
    const before = lstatSync(place, { throwIfNoEntry: false });
    const folderStays = entry.type === 'directory' && before?.isDirectory();
    if (before && !folderStays) rmSync(place, { recursive: true, force: true });
    if (entry.type !== 'directory') folderModes.delete(place);
    if (entry.type === 'file') size += await writeFile(place, entry, asRoot);
    else if (entry.type === 'symlink') symlinkSync(entry.target, place);
    else if (entry.type === 'hardlink') linkWithin(root, entry, place);
    else if (entry.type === 'directory') {
      if (!folderStays) mkdirSync(place);
      folderModes.set(place, entry.mode);
    } else return void leftOut.push(`/${[...path, name].join('/')}`);
    if (entry.uid === 0 && entry.gid === 0) return;
    if (!asRoot) foreignOwners += 1;
    else if (entry.type === 'symlink' || entry.type === 'directory') lchownSync(place, entry.uid, entry.gid);
  };

  return {
    async apply(bytes, { digest, diffId }) {
      const outer = createHash('sha256');
      const inner = createHash('sha256');
      const plain = hashed(decompressed(hashed(bytes, outer)).chunks(), inner);
      const written = new Set<string>();
      for await (const entry of readTar(streamSource(plain))) await applyEntry(entry, written);
      // What follows the end of the archive is part of the digest.
      for await (const _ of plain);
      for (const [hash, wanted] of [
        [outer, digest],
        [inner, diffId],
      ] as const) {
        const found = `sha256:${hash.digest('hex')}`;
        if (wanted !== undefined && wanted !== found)
          throw new ArchiveError(`layer ${wanted} is damaged: its digest is ${found}`);
      }
    },
    finish() {
      for (const [folder, mode] of folderModes) {
        // Its owner can go on removing it; root in a lab does not ask for modes.
        if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory())
          chmodSync(folder, asRoot ? mode : mode | 0o700);
      }
    },
    get size() {
      return size;
    },
    get foreignOwners() {
      return foreignOwners;
    },
    leftOut,
  };
}

async function* hashed(
  chunks: AsyncIterable<Buffer>,
  hash: { update(bytes: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** The folder at `path`, by way of the image's own links; made, with its parents, where a layer did not name it. */
function makeFolders(root: string, path: readonly string[]): string {
  const folder = insideTree(root, path.join('/'));
  const found: Stats | undefined = lstatSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return folder;
  if (found) rmSync(folder);
  // What is missing has no links: `insideTree` has followed those that are there.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/** Unless this layer has brought it itself; of a folder that it has been writing to, what it has not. */
function removeLower(place: string, written: ReadonlySet<string>): void {
  if (!written.has(place)) rmSync(place, { recursive: true, force: true });
  else if (lstatSync(place, { throwIfNoEntry: false })?.isDirectory())
    for (const one of readdirSync(place)) removeLower(join(place, one), written);
}

async function writeFile(place: string, entry: TarEntry, asRoot: boolean): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(place, flags, 0o600);
  try {
    for await (const piece of entry.body()) {
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
    }
    if (asRoot) fchownSync(file, entry.uid, entry.gid);
    // After the owner, whose change would take set-user-ID away.
    fchmodSync(file, entry.mode);
    futimesSync(file, entry.mtime, entry.mtime);
  } finally {
    closeSync(file);
  }
  return entry.size;
}

function linkWithin(root: string, { path, target }: TarEntry, place: string): void {
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.pop();
  if (name === undefined || parts.includes('..') || name === '..')
    throw new ArchiveError(`${path} is a link to ${target}, which leads out of the image`);
  const source = join(insideTree(root, parts.join('/')), name);
  if (!lstatSync(source, { throwIfNoEntry: false }))
    throw new ArchiveError(`${path} is a link to ${target}, which is not there`);
  linkSync(source, place);
}
