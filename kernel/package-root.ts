import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder that holds `package.json`, `images/` and `dist/`; the same from sources, from the bundles
 * in `dist/` and from an installed package.
 */
export const packageRoot = findUp(dirname(fileURLToPath(import.meta.url)));

function findUp(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'images'))) return folder;
  const parent = dirname(folder);
  if (parent === folder)
    throw new Error('vethernetes: package.json with an images/ folder beside it was not found');
  return findUp(parent);
}
