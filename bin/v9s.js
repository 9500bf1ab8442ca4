#!/usr/bin/env node
/**
 * `v9s` for any Node.js from 18 on. The programs of the project need 22.18; an older one fetches Node.js
 * through npm, once, and runs them with that. `render` needs no cluster and runs on 20 as it is; it is
 * called a hundred times in a row, so it comes before everything else.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isClone = existsSync(join(root, 'scripts/bootstrap/prepare.mjs'));
const args = process.argv.slice(2);
const canRender = args[0] === 'render' && Number.parseInt(process.versions.node, 10) >= 20;

if (!canRender || !(await renderAtOnce())) await launch();

/** False when `dist/` has to be built first, or when the arguments are not for rendering. */
async function renderAtOnce() {
  if (isClone && !(await import('../scripts/bootstrap/fresh.mjs')).isFresh(root, 'render')) return false;
  (await import('../scripts/bootstrap/cache.mjs')).useCompileCache();
  return createRequire(import.meta.url)('../dist/render.cjs').renderAtOnce(args.slice(1));
}

async function launch() {
  const [{ reporting }, { run }] = await Promise.all([
    import('../scripts/bootstrap/report.mjs'),
    import('../scripts/bootstrap/run.mjs'),
  ]);
  await reporting(async () => {
    const node = await preparedNode();
    await run(canRender ? process.execPath : node, join(root, 'dist/v9s.js'), args);
  });
}

/** A clone prepares itself first; an installed package only needs a Node.js. */
async function preparedNode() {
  if (isClone) {
    const { prepare } = await import('../scripts/bootstrap/prepare.mjs');
    return prepare({ cluster: args[0] === 'up' || args[0] === 'scenario' });
  }
  if (canRender) return process.execPath;
  const { ensureNode } = await import('../scripts/bootstrap/node.mjs');
  return ensureNode();
}
