#!/usr/bin/env node
/**
 * `v9s` for any Node.js from 18 on. The programs of the project need 22.18; an older one fetches Node.js
 * through npm, once, and runs them with that. `render` needs no cluster, and runs on 20 as it is, before
 * anything else is loaded.
 */
import { createRequire } from 'node:module';

const args = process.argv.slice(2);
const canRender = args[0] === 'render' && Number.parseInt(process.versions.node, 10) >= 20;
const rendered =
  canRender && (await createRequire(import.meta.url)('./render.cjs').renderAtOnce(args.slice(1)));
if (!rendered) await launch();

async function launch() {
  const [{ reporting }, { run }, { fileURLToPath }] = await Promise.all([
    import('../scripts/bootstrap/report.mjs'),
    import('../scripts/bootstrap/run.mjs'),
    import('node:url'),
  ]);
  await reporting(async () => {
    const node = await preparedNode();
    const program = fileURLToPath(new URL('../dist/v9s.js', import.meta.url));
    await run(canRender ? process.execPath : node, program, args);
  });
}

/** A clone prepares itself first; an installed package only needs a Node.js. */
async function preparedNode() {
  const { existsSync } = await import('node:fs');
  if (existsSync(new URL('../scripts/bootstrap/prepare.mjs', import.meta.url))) {
    const { prepare } = await import('../scripts/bootstrap/prepare.mjs');
    return prepare({ cluster: args[0] === 'up' || args[0] === 'scenario' });
  }
  if (canRender) return process.execPath;
  const { ensureNode } = await import('../scripts/bootstrap/node.mjs');
  return ensureNode();
}
