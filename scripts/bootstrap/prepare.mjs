import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBundles } from './bundles.mjs';
import { ensureKernel } from './kernel.mjs';
import { ensureNode } from './node.mjs';
import { ensurePackages } from './packages.mjs';
import { timing } from './report.mjs';
import { ensureSystemPackages, widenPath } from './system.mjs';

/** The project's folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Provides everything that a clone lacks.
 *
 * @param {{ cluster: boolean, bundles?: boolean }} options `cluster`: for something that starts clusters;
 *   `bundles`: for something that runs from `dist/`
 * @returns {Promise<string>} the Node.js to go on with
 */
export async function prepare({ cluster, bundles = true }) {
  timing('bootstrap loaded');
  widenPath();
  await ensurePackages(root);
  timing('npm packages');
  const node = await ensureNode();
  timing('node');
  if (cluster) {
    await ensureSystemPackages();
    timing('system packages');
    await ensureKernel();
    timing('kernel');
  }
  if (bundles) {
    await ensureBundles(root);
    timing('dist');
  }
  return node;
}
