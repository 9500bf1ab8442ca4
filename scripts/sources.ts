import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A TypeScript file of the project; `path` is relative to its folder. */
export interface SourceFile {
  path: string;
  text: string;
}

/** Every TypeScript file of the project, installed packages and built files excepted. */
export function sourceFiles(root: string, folder = root): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : sourceFiles(root, path);
    return entry.name.endsWith('.ts')
      ? [{ path: relative(root, path), text: readFileSync(path, 'utf8') }]
      : [];
  });
}

/** What a module names in its import and export declarations and dynamic imports. */
export function importsOf(text: string): string[] {
  const declarations = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'/gm;
  const dynamic = /\bimport\('([^']+)'\)/g;
  return [...text.matchAll(declarations), ...text.matchAll(dynamic)].map(([, specifier = '']) => specifier);
}
