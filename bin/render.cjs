/**
 * `v9s render` by itself: it is called a hundred times in a row. CommonJS, because an import of `node:fs` and
 * its like copies all their exports, which takes a tenth of the whole run.
 */
const { existsSync } = require('node:fs');
const nodeModule = require('node:module');
const { homedir } = require('node:os');

const root = `${__dirname}/..`;
const bootstrap = `${root}/scripts/bootstrap/fresh.cjs`;

/**
 * @param {readonly string[]} args what follows `render`
 * @returns {Promise<boolean>} false when a clone has to build `dist/` first, or when these arguments are not
 *   for rendering
 */
exports.renderAtOnce = async (args) => {
  if (existsSync(bootstrap) && !require(bootstrap).isFresh(root, 'render')) return false;
  keepCompiledCode();
  return require(`${root}/dist/render.cjs`).renderAtOnce(args);
};

/** From Node.js 22.1 on; where the folder cannot be written, Node.js does without. */
function keepCompiledCode() {
  const { NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env;
  if (NODE_COMPILE_CACHE || NODE_DISABLE_COMPILE_CACHE) return;
  nodeModule.enableCompileCache?.(`${XDG_CACHE_HOME || `${homedir()}/.cache`}/vethernetes/compile`);
}
