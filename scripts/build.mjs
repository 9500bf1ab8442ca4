/**
 * Bundles every program and the library into `dist/`, one file each, so that a process starts by
 * reading one file. Plain JavaScript: the bootstrap runs it before anything else is there.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Output name → source. Every program of the project stands here. */
const entries = {
  v9s: 'cli/main.ts',
  index: 'index.ts',
  supervisor: 'lab/supervisor.ts',
  'control-plane': 'cluster/processes/control-plane.ts',
  node: 'cluster/processes/node.ts',
  dns: 'cluster/processes/dns.ts',
};

/** Bundled code may `require` (CommonJS dependencies); ESM has no such function by itself. */
const banner =
  "import{createRequire as v9sRequire}from'node:module';const require=v9sRequire(import.meta.url);";

export async function build({ outdir = join(root, 'dist') } = {}) {
  const esbuild = await import('esbuild');
  const entryPoints = Object.fromEntries(
    Object.entries(entries)
      .map(([name, file]) => [name, join(root, file)])
      .filter(([, file]) => existsSync(file)),
  );
  await esbuild.build({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    chunkNames: 'chunks/[name]-[hash]',
    external: ['classic-level', '@kubernetes/client-node'],
    banner: { js: banner },
    logLevel: 'warning',
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await build();
