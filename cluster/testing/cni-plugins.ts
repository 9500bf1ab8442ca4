import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptDownload, GuestUnavailable } from '../../lab/guest/apt.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';

const run = promisify(execFile);

/**
 * The folder of Debian's `containernetworking-plugins`: installed, or unpacked into the user's cache folder.
 * Undefined, and said why, where there is no way to it.
 */
export async function cniPlugins(): Promise<string | undefined> {
  const folder = join(cacheFolder(), 'cni-plugins');
  const known = ['/opt/cni/bin', '/usr/lib/cni', folder].find((one) => existsSync(join(one, 'portmap')));
  if (known) return known;
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(cacheFolder(), 'cni-download-'));
  try {
    await aptDownload(work, ['containernetworking-plugins']);
    const deb = (await readdir(work)).find((name) => name.endsWith('.deb')) ?? '';
    await run('dpkg-deb', ['-x', join(work, deb), join(work, 'unpacked')]);
    await rename(join(work, 'unpacked/usr/lib/cni'), folder);
    return folder;
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error;
    console.log(`skipped: no CNI plugins: ${error.message}`);
    return undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
