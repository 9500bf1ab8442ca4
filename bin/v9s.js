#!/usr/bin/env node
/**
 * `v9s` for any Node.js from 18 on. The programs of the project need 22.18; an older one fetches Node.js
 * through npm, once, and runs them with that. `render` needs no cluster and runs on 20 as it is.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureNode } from '../scripts/bootstrap/node.mjs';
import { reporting } from '../scripts/bootstrap/report.mjs';
import { run } from '../scripts/bootstrap/run.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, 'dist/v9s.js');
const args = process.argv.slice(2);

await reporting(async () => {
  const node = await nodeFor(args[0]);
  await run(node, program, args);
});

/** A clone prepares itself first; an installed package only needs a Node.js. */
async function nodeFor(command) {
  const here = command === 'render' && Number.parseInt(process.versions.node, 10) >= 20;
  if (!existsSync(join(root, 'scripts/bootstrap/prepare.mjs'))) return here ? process.execPath : ensureNode();
  const { prepare } = await import('../scripts/bootstrap/prepare.mjs');
  const node = await prepare({ cluster: command === 'up' || command === 'scenario' });
  return here ? process.execPath : node;
}
