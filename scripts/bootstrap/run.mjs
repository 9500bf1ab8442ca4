import { pathToFileURL } from 'node:url';
import { useCompileCache } from './cache.mjs';
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
