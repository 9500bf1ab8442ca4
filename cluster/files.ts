import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { attachLab } from '../lab/handle.ts';
import { stateDir } from './state.ts';

const prefix = 'v9s-';

/** A folder without a running lab is left alone for so many milliseconds: its cluster may be starting. */
const youngest = 60_000;

/**
 * A new folder below the temporary one for a cluster that ends with this process; readable by its owner alone.
 * Folders whose cluster was killed together with its owner, which therefore could not tidy up, go now.
 */
export async function temporaryFolder(name: string): Promise<string> {
  for (const entry of readdirSync(tmpdir())) {
    if (entry.startsWith(prefix)) await sweep(join(tmpdir(), entry));
  }
  return mkdtempSync(join(tmpdir(), `${prefix}${name}-`));
}

async function sweep(folder: string): Promise<void> {
  const entry = statSync(folder, { throwIfNoEntry: false });
  if (!entry?.isDirectory() || entry.uid !== process.getuid?.()) return;
  const spec = statSync(stateDir(folder).spec, { throwIfNoEntry: false });
  if (!spec || Date.now() - spec.mtimeMs < youngest) return;
  if (!(await attachLab(folder))) rmSync(folder, { recursive: true, force: true });
}

/** Removes a folder when the function it returns is called, and at the latest when this process exits. */
export function removeAtExit(folder: string): () => void {
  const remove = () => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return remove;
}

/**
 * Makes a folder with all above it, for its owner alone. One by one: Node's own recursive way never ends where
 * a file system like proc denies that there is anything.
 */
export function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

const reasons: Record<string, string> = {
  EROFS: 'the file system is read-only',
  EACCES: 'it belongs to somebody else',
  EPERM: 'it belongs to somebody else',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'the file system takes no folders there',
  ENOTDIR: 'a part of its path is no folder',
};

/** Says what to do about a disk that cannot hold a cluster's files; any other error as it is. */
export function explainDisk(error: unknown, folder: string): unknown {
  const { code = '' } = error instanceof Error && 'syscall' in error ? (error as NodeJS.ErrnoException) : {};
  const reason = reasons[code];
  if (!reason) return error;
  return new Error(
    `${folder} cannot hold the cluster's files: ${reason}; set XDG_STATE_HOME to a folder of your own on a disk with room`,
    { cause: error },
  );
}
