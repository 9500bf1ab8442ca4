/**
 * Runs a bundle with the code that V8 made of it in an earlier run. Node.js' own compile cache holds what is compiled
 * before the first line runs: functions that a program calls at every start, a third of its work then, would be
 * compiled anew each time. `build.mjs` puts this before the programs that it pays for.
 */
const { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { basename, dirname, join } = require('node:path');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

/** Milliseconds after which a program has called what it calls at every start. */
const started = 3_000;
/** Checksums of the source and of the code; a multiple of eight bytes, as V8 wants the code to lie. */
const headLength = 16;

/** @param {string} file of the bundle, CommonJS in ASCII @param {NodeModule} module whose exports the bundle's become */
exports.run = (file, module) => {
  const bytes = readFileSync(file);
  const folder = process.env.NODE_COMPILE_CACHE;
  // crc32 came with Node.js 22; before there is no compile cache either.
  const place = folder && crc32 ? join(folder, nameFor(file)) : undefined;
  const source = place ? crc32(bytes) : 0;
  const cachedData = place && read(place, source);
  const script = new Script(`${opening}${bytes.latin1Slice()}\n})`, {
    filename: file,
    columnOffset: -opening.length,
    ...(cachedData ? { cachedData } : {}),
  });
  if (place && (!cachedData || script.cachedDataRejected)) keepLater(place, source, script);
  script
    .runInThisContext()
    .call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
};

/** As Node.js gives modules their own. */
const opening = '(function(exports,require,module,__filename,__dirname){';

/** One for each installation and each set of flags, which V8's code depends on. @param {string} file */
function nameFor(file) {
  const { version, arch, execArgv } = process;
  const other = crc32([file, version, arch, process.env.NODE_OPTIONS, ...execArgv].join('\0'));
  return `${basename(file)}-${other.toString(16)}`;
}

/** @param {string} place @param {number} source */
function read(place, source) {
  try {
    const held = readFileSync(place);
    const code = held.subarray(headLength);
    return held.readUInt32LE(0) === source && held.readUInt32LE(8) === crc32(code) ? code : undefined;
  } catch {
    // Not there yet, or no such file: it is written then.
    return undefined;
  }
}

/**
 * Once what a start needs has been compiled: at the end, or a while after the beginning.
 *
 * @param {string} place @param {number} source @param {Script} script
 */
function keepLater(place, source, script) {
  let kept = false;
  const keep = () => {
    if (kept) return;
    kept = true;
    const code = script.createCachedData();
    const head = Buffer.alloc(headLength);
    head.writeUInt32LE(source, 0);
    head.writeUInt32LE(crc32(code), 8);
    const whole = `${place}.${process.pid}`;
    try {
      mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
      writeFileSync(whole, Buffer.concat([head, code]), { mode: 0o600 });
      renameSync(whole, place);
    } catch {
      // A folder that takes nothing costs time at the next start, nothing else.
      rmSync(whole, { force: true });
    }
  };
  setTimeout(keep, started).unref();
  process.once('exit', keep);
}
