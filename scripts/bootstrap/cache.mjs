import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * The user's cache folder of the project, made when it is missing: `$XDG_CACHE_HOME/vethernetes`,
 * `~/.cache/vethernetes`, or, where the home cannot be written, a private folder below `/tmp`.
 */
export function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(base, 'vethernetes');
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, '.writable'), '');
    return folder;
  } catch {
    // A home that is read-only, missing or somebody else's is usual in containers and for system users.
    return privateTemporaryFolder();
  }
}

/** Refuses a folder that another user put in our way: what we run is read from it. */
function privateTemporaryFolder() {
  const uid = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `vethernetes-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o022) !== 0)
    throw new Error(
      `${folder} belongs to somebody else or is writable by others; remove it, or set XDG_CACHE_HOME`,
    );
  return folder;
}

/** @param {string} file @returns {string | undefined} */
export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not there, or not ours to read: for a stamp both mean "look again".
    return undefined;
  }
}

/**
 * Writes a file so that others see the old text or the new one, never a part.
 *
 * @param {string} file @param {string | Uint8Array} content @param {number} [mode]
 */
export function writeWhole(file, content, mode = 0o644) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, file);
}

/** Node.js keeps compiled code on disk from 22.1 on; the programs started from ours inherit the setting. */
export function useCompileCache() {
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return;
  process.env.NODE_COMPILE_CACHE = join(cacheFolder(), 'compile');
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}
