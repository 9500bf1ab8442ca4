/**
 * Writes `apiserver/registry/kinds/found.ts`, which names what the files of that folder export as `…Strategy`: the
 * rules of a kind are found by being there. Part of `npm run generate`; alone: `node scripts/generate-kinds.ts`.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceFiles } from './sources.ts';

const kinds = join(dirname(dirname(fileURLToPath(import.meta.url))), 'apiserver/registry/kinds');
const exported = /^export (?:const|function) (\w+Strategy)\b/gm;

/** The text of `found.ts` for the files that are there now. */
export function foundKinds(folder = kinds): string {
  const files = sourceFiles(folder)
    .filter(({ path }) => !path.endsWith('.test.ts'))
    .map(({ path, text }) => ({
      path: relative(folder, join(folder, path)),
      names: [...text.matchAll(exported)].map(([, name = '']) => name).sort(),
    }))
    .filter(({ names }) => names.length > 0)
    .sort((a, b) => (order(a.path) < order(b.path) ? -1 : 1));
  const imports = files.map(({ path, names }) => importOf(names, `./${path}`));
  const all = files.flatMap(({ names }) => names).map((name) => `  ${name},`);
  return [
    ...imports,
    '',
    '/** What the files of this folder say of kinds. Written by `scripts/generate-kinds.ts`; do not edit. */',
    `export const found = [\n${all.join('\n')}\n] as const;`,
    '',
  ].join('\n');
}

export function writeFoundKinds(): void {
  writeFileSync(join(kinds, 'found.ts'), foundKinds());
}

/** The formatter has dashes after dots and slashes. */
const order = (path: string) => path.replaceAll('-', '0');

/** As the formatter writes it, which breaks lines after 110 characters. */
function importOf(names: readonly string[], path: string): string {
  const line = `import { ${names.join(', ')} } from '${path}';`;
  return line.length <= 110 ? line : `import {\n  ${names.join(',\n  ')},\n} from '${path}';`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFoundKinds();
