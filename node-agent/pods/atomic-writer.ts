import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** One file of a volume. `mode` is its permission bits. */
export interface VolumeFile {
  content: Buffer;
  mode: number;
}

/**
 * Makes a folder hold exactly these files (by relative path), all at once: the files stand in a folder
 * of their own, `..data` is switched to it, and what users see are links through `..data`. A reader
 * never sees half of an update. Upstream: `pkg/volume/util/atomic_writer.go`.
 *
 * @returns false when the folder held the same before
 */
export function writeVolume(folder: string, files: ReadonlyMap<string, VolumeFile>): boolean {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, '..data');
  const current = linkTarget(data);
  if (current && same(join(folder, current), files)) return false;

  const next = mkdtempSync(join(folder, `..${new Date().toISOString().replace(/[-:]/g, '_').slice(0, 19)}.`));
  try {
    chmodSync(next, 0o755);
    for (const [path, { content, mode }] of files) {
      mkdirSync(dirname(join(next, path)), { recursive: true });
      writeFileSync(join(next, path), content);
      chmodSync(join(next, path), mode);
    }
  } catch (error) {
    // The disk is full, and it will be tried again.
    rmSync(next, { recursive: true });
    throw error;
  }
  const name = next.slice(folder.length + 1);
  rmSync(join(folder, '..data_tmp'), { force: true });
  symlinkSync(name, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), data);

  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path));
  const present = new Set(readdirSync(folder).filter((entry) => !entry.startsWith('..')));
  for (const entry of wanted)
    if (!present.has(entry)) symlinkSync(join('..data', entry), join(folder, entry));
  for (const entry of present) if (!wanted.has(entry)) rmSync(join(folder, entry), { recursive: true });
  if (current) rmSync(join(folder, current), { recursive: true, force: true });
  return true;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function same(folder: string, files: ReadonlyMap<string, VolumeFile>): boolean {
  const present = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return (
    present.length === files.size &&
    present.every((entry) => {
      const path = join(entry.parentPath, entry.name);
      return files.get(path.slice(folder.length + 1))?.content.equals(readFileSync(path)) ?? false;
    })
  );
}
