const { existsSync, readFileSync, statSync } = require('node:fs');

/**
 * Whether `dist/` is what the sources give: none of the files has changed that `dist/.inputs.json` names.
 *
 * @param {string} root the project @param {'inputs' | 'render'} [part] all of it, or what `dist/render.cjs` is made of
 */
exports.isFresh = (root, part = 'inputs') => {
  let text;
  try {
    text = readFileSync(`${root}/dist/.inputs.json`, 'utf8');
  } catch {
    // Never built, or not ours to read: then the build has the better message.
    return false;
  }
  const { inputs, absent, render = [] } = JSON.parse(text);
  const unchanged = (/** @type {string} */ file) =>
    statSync(`${root}/${file}`, { throwIfNoEntry: false })?.mtimeMs === inputs[file];
  if (part === 'render') return render.length > 0 && render.every(unchanged);
  const missing = (/** @type {string} */ file) => !existsSync(`${root}/${file}`);
  return Object.keys(inputs).every(unchanged) && absent.every(missing);
};
