/**
 * Bundles every program and the library into `dist/`, so that a process starts by reading few files.
 * Plain JavaScript: the bootstrap runs it before anything else is there.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { writeWhole } from './bootstrap/cache.mjs';
import { BootstrapError } from './bootstrap/report.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Output name → source of what users import: ESM, in which rarely needed parts load late. */
const modules = {
  index: 'index.ts',
};

/**
 * Output name → source of the command and of what a lab is made of: one CommonJS file each. A process starts
 * a third sooner than from ESM: one file to read, and `require` takes only what is used of Node.js' own
 * modules, where an import of `node:http` copies all its exports, looks at WebSocket, and so loads undici.
 */
const programs = {
  v9s: 'cli/start.ts',
  supervisor: 'lab/supervisor.ts',
  'control-plane': 'cluster/processes/control-plane.ts',
  node: 'cluster/processes/node.ts',
  dns: 'cluster/processes/dns.ts',
  flanneld: 'cluster/processes/flanneld.ts',
};

/** Output name → source of what those import late, a file each. Whatever else they import late they contain. */
const parts = {
  commands: 'cli/main.ts',
  render: 'cli/render.ts',
  'serve-dns': 'cli/dns.ts',
  'kube-proxy': 'dataplane/program/kube-proxy.ts',
  cluster: 'cluster/cluster.ts',
  kubeadm: 'cluster/kubeadm/index.ts',
  kubelet: 'node-agent/server/serve.ts',
  descriptions: 'apiserver/openapi/descriptions-table.ts',
  doctor: 'lab/doctor.ts',
  scenario: 'scenarios/run.ts',
  'client-node': 'node_modules/@kubernetes/client-node/dist/index.js',
};

/** What the launcher and `package.json` name; ESM, because the package is. */
const command = "import{createRequire}from'node:module';createRequire(import.meta.url)('./v9s.cjs');\n";

/** Those of them that do much at each start: `compiled.cjs` runs them, with code that was compiled before. */
const compiled = ['control-plane', 'node', 'dns', 'commands', 'cluster'];

/**
 * Packages that express loads for what we do not use of it: bodies, files, cookies, content negotiation. They
 * would be half of the control plane's code.
 */
const unusedOfExpress = [
  'accepts',
  'body-parser',
  'content-disposition',
  'cookie',
  'cookie-signature',
  'debug',
  'etag',
  'fresh',
  'http-errors',
  'mime-types',
  'qs',
  'range-parser',
  'send',
  'serve-static',
  'type-is',
  'vary',
];

/** Bundled code may `require` (CommonJS dependencies); ESM has no such function by itself. */
const moduleBanner =
  "import{createRequire as v9sRequire}from'node:module';const require=v9sRequire(import.meta.url);";

/** And CommonJS has no `import.meta.url`. */
const programBanner = "const v9sUrl=require('node:url').pathToFileURL(__filename).href;";

/** How long a chunk stays that is no longer part of the build: running programs load some of theirs late. */
const staleAfter = 60 * 60 * 1000;

/**
 * Every file is replaced whole, chunks before the programs that name them, so that a program which starts
 * during a build gets the old one or the new one. `clean` removes all older files.
 *
 * @param {{ outdir?: string, clean?: boolean }} [options]
 */
export async function build({ outdir = join(root, 'dist'), clean = false } = {}) {
  const esbuild = await import('esbuild');
  const began = Date.now();
  const common = {
    absWorkingDir: root,
    outdir,
    bundle: true,
    write: /** @type {const} */ (false),
    metafile: /** @type {const} */ (true),
    platform: /** @type {const} */ ('node'),
    target: 'node20',
    sourcemap: true,
    // It finds its compiled part by where it lies.
    external: ['classic-level/binding.js'],
    logLevel: /** @type {const} */ ('warning'),
  };
  const results = await Promise.all([
    esbuild.build({
      ...common,
      entryPoints: present(modules),
      splitting: true,
      format: 'esm',
      chunkNames: 'chunks/[name]-[hash]',
      banner: { js: moduleBanner },
    }),
    esbuild.build({
      ...common,
      entryPoints: present({ ...programs, ...parts }),
      format: 'cjs',
      // What a package has as ESM can be left out where it is not used: half of what certificates need.
      mainFields: ['module', 'main'],
      plugins: [importPartsLate, leaveOutOfExpress, leaveLevelsBindingOutside],
      // `import()` would go through the ESM loader, which reads a file once more for its exports.
      supported: { 'dynamic-import': false },
      outExtension: { '.js': '.cjs' },
      define: { 'import.meta.url': 'v9sUrl' },
      banner: { js: programBanner },
      // Less to read at each start; names stay, for the sake of stack traces.
      minifyWhitespace: true,
      minifySyntax: true,
    }),
  ]).catch((error) => {
    throw Array.isArray(error.errors) ? new BootstrapError('the sources do not build (see above)') : error;
  });
  const outputFiles = results.flatMap((result) => result.outputFiles);
  if (clean) rmSync(outdir, { recursive: true, force: true });
  const isChunk = (file) => file.path.includes('/chunks/');
  writeWhole(join(outdir, 'compiled.cjs'), readFileSync(join(root, 'scripts/compiled.cjs')));
  for (const file of outputFiles.sort((a, b) => Number(isChunk(b)) - Number(isChunk(a)))) writeOutput(file);
  writeWhole(join(outdir, 'v9s.js'), command);
  removeStale(outdir, new Set(outputFiles.map(({ path }) => path)));
  writeWhole(join(outdir, '.inputs.json'), JSON.stringify(inputsOf(results, began)));
}

/** The bundle before what starts it, so that a program which starts during a build finds both. */
function writeOutput(file) {
  const name = basename(file.path, '.cjs');
  if (!file.path.endsWith('.cjs')) return writeWhole(file.path, file.contents);
  if (!compiled.includes(name)) return writeWhole(file.path, inAscii(file));
  const bundle = `${name}.main.cjs`;
  writeWhole(join(dirname(file.path), bundle), inAscii(file));
  writeWhole(
    file.path,
    `require('./compiled.cjs').run(require('node:path').join(__dirname,'${bundle}'),module);\n`,
  );
}

/**
 * A single character beyond ASCII makes Node.js read the whole file as UTF-16: 5 ms more and twice the memory, in
 * every process. esbuild leaves those of regular expressions, where the escape means the same.
 *
 * @param {import('esbuild').OutputFile} file
 */
function inAscii({ contents, text }) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  const beyond = /[^\x00-\x7f]/g;
  if (text.length === contents.length) return contents;
  return text.replace(beyond, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A late import of a part becomes a `require` of its file. @type {import('esbuild').Plugin} */
const importPartsLate = {
  name: 'import parts late',
  setup({ onResolve, resolve }) {
    const fileOf = new Map(
      Object.entries(present(parts)).map(([name, source]) => [realpathSync(source), `./${name}.cjs`]),
    );
    onResolve({ filter: /./ }, async ({ path, kind, pluginData, ...where }) => {
      if (kind !== 'dynamic-import' || pluginData === importPartsLate) return undefined;
      const { path: source } = await resolve(path, { ...where, kind, pluginData: importPartsLate });
      const file = fileOf.get(source);
      return file === undefined ? undefined : { path: file, external: true };
    });
  },
};

/** Each loads as a function that says so when it is used after all. @type {import('esbuild').Plugin} */
const leaveOutOfExpress = {
  name: 'leave out of express',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(${unusedOfExpress.join('|')})$`);
    onResolve({ filter }, ({ path, importer }) =>
      /node_modules\/(express|router|finalhandler)\//.test(importer)
        ? { path, namespace: 'unused' }
        : undefined,
    );
    onLoad({ filter: /./, namespace: 'unused' }, ({ path }) => ({
      contents:
        path === 'debug'
          ? 'module.exports = () => () => {};'
          : `const unused = () => { throw new Error('${path} is left out of this build; see scripts/build.mjs') };
             module.exports = new Proxy(unused, { get: () => unused });`,
    }));
  },
};

/** `./binding` from within the package, as one would name it from without. @type {import('esbuild').Plugin} */
const leaveLevelsBindingOutside = {
  name: 'leave the binding of level outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      /node_modules\/classic-level\//.test(importer)
        ? { path: 'classic-level/binding.js', external: true }
        : undefined,
    );
  },
};

/** The entries whose source is there. */
function present(entries) {
  const there = Object.entries(entries).filter(([, file]) => existsSync(join(root, file)));
  return Object.fromEntries(there.map(([name, file]) => [name, join(root, file)]));
}

/**
 * What `dist/` was made from, for the bootstrap to see whether it still is; a file changed meanwhile counts
 * as changed. `render` names those of `dist/render.cjs`, which are fewer to look at.
 */
function inputsOf(results, began) {
  const inputs = new Set(results.flatMap(({ metafile }) => Object.keys(metafile.inputs).filter(isOwn)));
  const common = [
    'scripts/compiled.cjs',
    relative(root, fileURLToPath(import.meta.url)),
    'package-lock.json',
  ];
  const files = [...inputs, ...common];
  const changed = (file) => statSync(join(root, file)).mtimeMs;
  const render = results.flatMap(({ metafile }) => [...importedBy(parts.render, metafile)]);
  return {
    inputs: Object.fromEntries(files.map((file) => [file, changed(file) > began ? 0 : changed(file)])),
    absent: Object.values({ ...modules, ...programs, ...parts }).filter(
      (file) => !existsSync(join(root, file)),
    ),
    render: [...new Set([...render, ...common])],
  };
}

const isOwn = (file) => !/node_modules\/|^unused:/.test(file);

/** A source and all of ours that it imports, however far. */
function importedBy(entry, { inputs }, found = new Set()) {
  if (found.has(entry) || !inputs[entry] || !isOwn(entry)) return found;
  found.add(entry);
  for (const { path } of inputs[entry].imports) importedBy(path, { inputs }, found);
  return found;
}

function removeStale(outdir, current) {
  const chunks = join(outdir, 'chunks');
  if (!existsSync(chunks)) return;
  for (const name of readdirSync(chunks)) {
    const file = join(chunks, name);
    if (!current.has(file) && Date.now() - statSync(file).mtimeMs > staleAfter) rmSync(file, { force: true });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await build();
