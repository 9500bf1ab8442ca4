import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { note } from './report.mjs';

/**
 * Does the work while holding a lock file, so that two first starts at once do not install over each other.
 * A lock whose owner is dead is taken over.
 *
 * @template T
 * @param {string} file @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  let told = false;
  while (!acquire(file)) {
    const owner = ownerOf(file);
    if (owner !== undefined && !alive(owner)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) note(`waiting for process ${owner ?? '?'}, which is installing (${file})`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** A link appears with its content: nobody sees a lock without an owner. */
function acquire(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
