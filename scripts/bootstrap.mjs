/**
 * Makes a fresh clone run: npm packages, Node.js, system packages, kernel features and `dist/`, each only
 * when it is needed. Plain JavaScript without dependencies, for any Node.js from 18 on.
 *
 *     node scripts/bootstrap.mjs                       prepare everything
 *     node scripts/bootstrap.mjs run FILE [ARG…]       prepare, then run a program (dist/v9s.js, bench/run.ts)
 *     node scripts/bootstrap.mjs test [PROJECT…]       prepare, then test: unit, netns, soak
 *     node scripts/bootstrap.mjs build                 only what building needs
 *     node scripts/bootstrap.mjs system                only system packages, for an administrator
 *     node scripts/bootstrap.mjs pack                  build all anew, with type declarations, for `npm pack`
 *
 * Environment: V9S_TIMING=1 prints when each part was done; V9S_NODE names the Node.js to use;
 * V9S_TEST_REPORT names a file for the totals of a test run.
 */
import { resolve } from 'node:path';
import { prepare, root } from './bootstrap/prepare.mjs';
import { BootstrapError, reporting } from './bootstrap/report.mjs';
import { run } from './bootstrap/run.mjs';
import { ensureSystemPackages, widenPath } from './bootstrap/system.mjs';

/** @param {readonly string[]} args */
async function bootstrap([command = '', ...args]) {
  if (command === 'run') {
    const [file = '', ...rest] = args;
    const node = await prepare({ cluster: true });
    return run(node, resolve(root, file), rest);
  }
  if (command === 'test') {
    const unit = args[0] === 'unit';
    const node = await prepare({ cluster: !unit, bundles: !unit });
    const { test } = await import('./bootstrap/test.mjs');
    return test(root, node, args);
  }
  if (command === 'system') {
    widenPath();
    await ensureSystemPackages();
    return;
  }
  if (command === 'pack') {
    const node = await prepare({ cluster: false, bundles: false });
    const { build } = await import('./build.mjs');
    await build({ clean: true });
    const { writeDeclarations } = await import('./declarations.mjs');
    return writeDeclarations(root, node);
  }
  if (command === 'build' || command === '') {
    await prepare({ cluster: command === '' });
    return;
  }
  throw new BootstrapError(`unknown command "${command}"`, [
    'Known are: run FILE [ARG…], test [unit|netns|soak…], build, system, pack, and none.',
  ]);
}

await reporting(() => bootstrap(process.argv.slice(2)));
