import { build } from 'esbuild';
import { packageRoot } from '../../kernel/package-root.ts';

/**
 * As `scripts/build.mjs` does it for a cluster's programs: one file of CommonJS. It runs with
 * `NODE_PATH` naming `node_modules`: the compiled part of `level` is left where it lies.
 */
export async function bundle(source: string, outfile: string): Promise<void> {
  await build({
    absWorkingDir: packageRoot,
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    mainFields: ['module', 'main'],
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'v9sUrl' },
    banner: { js: "const v9sUrl=require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'error',
    plugins: [
      {
        name: 'leave the binding of level outside',
        setup({ onResolve }) {
          onResolve({ filter: /^\.\/binding$/ }, () => ({
            path: 'classic-level/binding.js',
            external: true,
          }));
        },
      },
    ],
  });
}
