import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isFresh } from './fresh.cjs';
import { BootstrapError, step } from './report.mjs';

/**
 * Builds `dist/` when one of the files it was made from has changed. `dist/.inputs.json`, which the build
 * writes, names them with the time of their last change.
 *
 * @param {string} root the project
 */
export async function ensureBundles(root) {
  if (isFresh(root)) return;
  await step('building dist/', async () => {
    const { build } = await import(pathToFileURL(join(root, 'scripts/build.mjs')).href);
    await build().catch((error) => {
      if (['EACCES', 'EROFS', 'EPERM'].includes(error.code))
        throw new BootstrapError(`dist/ is out of date and cannot be written (${error.message})`, [
          'Run `npm run build` as the owner of the project, or clone it into a folder of your own.',
        ]);
      throw error;
    });
  });
}
