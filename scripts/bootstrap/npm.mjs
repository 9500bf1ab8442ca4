import { existsSync } from 'node:fs';
import { BootstrapError } from './report.mjs';
import { endAs, start } from './start.mjs';

/**
 * Runs npm to its end: the one that started us, or the one on PATH.
 *
 * @param {readonly string[]} args @param {{ cwd?: string, purpose: string }} options
 *   `purpose` completes "could not …" in the error
 * @returns {Promise<string>} what npm printed
 */
export async function npm(args, { cwd, purpose }) {
  const { npm_execpath: script = '', npm_node_execpath: node = process.execPath } = process.env;
  const ours = script.endsWith('npm-cli.js') && existsSync(script);
  const [file, all] = ours ? [node, [script, ...args]] : ['npm', args];
  const ending = await start(file, all, { cwd, capture: true }).catch((error) => {
    throw new BootstrapError(
      `could not ${purpose}: ${error.code === 'ENOENT' ? 'there is no npm on PATH' : error.message}`,
      ['Debian and Ubuntu have it in the package npm: sudo apt-get install -y npm'],
    );
  });
  if (ending.signal) {
    endAs(ending);
    throw new BootstrapError(`npm ${args[0]} was ended by ${ending.signal}`);
  }
  if (ending.code !== 0)
    throw new BootstrapError(`could not ${purpose}; npm ${args[0]} said:`, explained(ending.output));
  return ending.output;
}

/** @type {readonly (readonly [RegExp, string])[]} */
const explanations = [
  [
    /ENOTFOUND|EAI_AGAIN|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|ECONNRESET/,
    'The registry cannot be reached: look at the network, `npm config get registry` and proxy settings.',
  ],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/,
    'The certificate of the registry is not trusted: set NODE_EXTRA_CA_CERTS or `npm config set cafile`.',
  ],
  [/ENOSPC/, 'The disk is full.'],
  [
    /EACCES|EPERM|EROFS/,
    'Some folder may not be written: look at who owns the project, node_modules and ~/.npm.',
  ],
  [/E404|ETARGET|notarget/, 'The registry that npm is configured with does not have this package.'],
  [/E401|E403/, 'The registry that npm is configured with refuses to serve this package to you.'],
  [/EINTEGRITY/, 'A package differs from what package-lock.json names; try `npm cache clean --force`.'],
  [/EUSAGE/, 'package.json and package-lock.json disagree: run `npm install`.'],
];

/** The lines of npm's errors that carry something, and what to do about them. */
function explained(output) {
  const errors = [...output.matchAll(/^npm (?:ERR!|error) +(.*)$/gm)].map(([, line = '']) => line.trim());
  const telling = errors.filter(
    (line) =>
      line !== '' &&
      !/^([}{]|at |(errno|code|syscall|address|port|type|path|dest): |\w+ \S+$|A complete log|Log files)/.test(
        line,
      ),
  );
  const help = explanations.find(([pattern]) => pattern.test(output))?.[1];
  return [...telling.slice(0, 5), ...(help ? [help] : [])];
}
