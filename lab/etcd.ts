import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../scripts/bootstrap/cache.mjs';
import { aptDownload, moveInto } from './guest/apt.ts';

const run = promisify(execFile);
const packageName = 'etcd-server';

/** There is no etcd on this machine, and no way to one. */
export class EtcdUnavailable extends Error {}

/**
 * The program `etcd`: the one on PATH, else Debian's package `etcd-server` unpacked into the user's cache
 * folder; nothing is installed. The first time it is downloaded (8 MB), later nothing is looked for on the
 * network.
 * @throws EtcdUnavailable that says what to install
 */
export async function ensureEtcd(): Promise<string> {
  const folder = join(cacheFolder(), packageName);
  const unpacked = join(folder, 'usr/bin/etcd');
  const installed = (process.env.PATH ?? '').split(delimiter).map((one) => join(one, 'etcd'));
  const known = [...installed, unpacked].find(isProgram);
  if (known) return known;
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(cacheFolder(), 'etcd-download-'));
  try {
    await aptDownload(work, [packageName]);
    const deb = (await readdir(work)).find((name) => name.endsWith('.deb')) ?? '';
    await run('dpkg-deb', ['-x', join(work, deb), join(work, 'unpacked')]);
    await moveInto(folder, join(work, 'unpacked'));
    return unpacked;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtcdUnavailable(
      `no etcd: it is not on PATH, and Debian's package ${packageName} cannot be had: ${reason.replace(/^no guest kernel: /, '')}`,
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not here; the next place may have it.
    return false;
  }
}
