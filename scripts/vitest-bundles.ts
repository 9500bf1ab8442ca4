import { ensureBundles } from './bootstrap/bundles.mjs';
import { root } from './bootstrap/prepare.mjs';

/** Before tests that start clusters: the programs in `dist/` are those of the sources under test. */
export async function setup(): Promise<void> {
  await ensureBundles(root);
}
