import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { readIfThere, writeWhole } from './cache.mjs';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';
import { BootstrapError, step } from './report.mjs';

/**
 * Makes `node_modules` what `package-lock.json` says, with `npm ci`, when it is missing or stale.
 *
 * @param {string} root the project
 */
export async function ensurePackages(root) {
  if (fresh(root)) return;
  requireWritable(root);
  await withLock(join(root, '.npm-ci.lock'), async () => {
    if (fresh(root)) return;
    await step('installing npm packages', () =>
      npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        purpose: 'install the npm packages',
      }),
    );
    writeStamp(root);
  });
}

const stampOf = (/** @type {string} */ root) => join(root, 'node_modules/.v9s-stamp');

/** The stamp names the lock file that was installed and what npm made of it; npm's own list is the witness for other installs. */
function fresh(root) {
  const wanted = readIfThere(join(root, 'package-lock.json'));
  const installed = readIfThere(join(root, 'node_modules/.package-lock.json'));
  if (wanted === undefined)
    throw new BootstrapError(`${root} has no package-lock.json; is the clone complete?`);
  if (installed === undefined) return false;
  if (readIfThere(stampOf(root)) === digest(wanted, installed)) return true;
  if (!satisfies(JSON.parse(installed), JSON.parse(wanted))) return false;
  try {
    writeStamp(root);
  } catch (error) {
    // A read-only checkout: the comparison is then made at each start.
    if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error;
  }
  return true;
}

function writeStamp(root) {
  const wanted = readIfThere(join(root, 'package-lock.json')) ?? '';
  const installed = readIfThere(join(root, 'node_modules/.package-lock.json')) ?? '';
  writeWhole(stampOf(root), digest(wanted, installed));
}

const digest = (...texts) => createHash('sha256').update(texts.join('\0')).digest('hex');

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
