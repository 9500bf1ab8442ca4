import module from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder } from './cache.mjs';
import { timing } from './report.mjs';
import { endAs, start } from './start.mjs';

/**
 * Runs a program of the project: in this very process when this Node.js is the one to use, else as a child
 * that has our terminal, gets our signals, and whose ending becomes ours.
 *
 * @param {string} node @param {string} file @param {readonly string[]} args
 */
export async function run(node, file, args) {
  useCompileCache();
  timing(`starting ${file}`);
  if (node !== process.execPath) return endAs(await start(node, [file, ...args]));
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}

/** Node.js keeps compiled code on disk from 22.1 on; the programs started from ours inherit the setting. */
function useCompileCache() {
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return;
  process.env.NODE_COMPILE_CACHE = join(cacheFolder(), 'compile');
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}
