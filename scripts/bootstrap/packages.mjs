import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { readIfThere, writeWhole } from './cache.mjs';
import { BootstrapError, step } from './report.mjs';

/**
 * Makes `node_modules` what `package-lock.json` says, with `npm ci`, when it is missing or stale.
 *
 * @param {string} root the project
 */
export async function ensurePackages(root) {
  if (fresh(root)) return;
  requireWritable(root);
  const [{ withLock }, { npm }] = await Promise.all([import('./lock.mjs'), import('./npm.mjs')]);
  await withLock(join(root, '.npm-ci.lock'), async () => {
    if (fresh(root)) return;
    await step('installing npm packages', () =>
      npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        purpose: 'install the npm packages',
      }),
    );
    if (!fresh(root))
      throw new BootstrapError('npm ci ended well, but node_modules is not what package-lock.json says');
  });
}

const stampOf = (/** @type {string} */ root) => join(root, 'node_modules/.v9s-stamp');

/** npm's own list of what it installed is the witness; the stamp spares reading it again while nothing changed. */
function fresh(root) {
  if (readIfThere(stampOf(root)) === versions(root)) return true;
  const wanted = readIfThere(join(root, 'package-lock.json'));
  const installed = readIfThere(join(root, 'node_modules/.package-lock.json'));
  if (wanted === undefined)
    throw new BootstrapError(`${root} has no package-lock.json; is the clone complete?`);
  if (installed === undefined || !satisfies(JSON.parse(installed), JSON.parse(wanted))) return false;
  try {
    writeWhole(stampOf(root), versions(root));
  } catch (error) {
    // A read-only checkout: the comparison is then made at each start.
    if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error;
  }
  return true;
}

/** When and how long the two lists are. */
function versions(root) {
  const stats = ['package-lock.json', 'node_modules/.package-lock.json'].map((file) =>
    statSync(join(root, file), { throwIfNoEntry: false }),
  );
  return stats.map((stat) => `${stat?.mtimeMs} ${stat?.size}`).join('\n');
}

/** Packages for other platforms are optional and are not installed. */
function satisfies(installed, wanted) {
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function requireWritable(root) {
  const modules = join(root, 'node_modules');
  for (const folder of existsSync(modules) ? [root, modules] : [root]) {
    try {
      accessSync(folder, constants.W_OK);
    } catch (error) {
      const { uid } = statSync(folder);
      const why =
        error.code === 'EROFS'
          ? 'is on a read-only file system'
          : `belongs to user ${uid}, you are ${userInfo().uid}`;
      throw new BootstrapError(`the npm packages have to be installed, but ${folder} ${why}`, [
        'Run `npm ci` there once as its owner, or clone the project into a folder of your own.',
      ]);
    }
  }
}
