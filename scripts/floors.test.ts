import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './bootstrap/prepare.mjs';
import { importsOf, type SourceFile, sourceFiles } from './sources.ts';

/** docs/architecture.md, "Rooms": imports go from a higher number to a lower one. */
const floors: Record<string, number> = {
  bench: 6,
  interop: 6,
  index: 5,
  cli: 5,
  scenarios: 4,
  cluster: 3,
  apiserver: 2,
  controllers: 2,
  'node-agent': 2,
  dataplane: 2,
  dns: 2,
  lab: 2,
  images: 2,
  api: 1,
  kernel: 1,
};

/** The library starts programs with a Node.js that is new enough, which the launcher knows how to get. */
const openDoors = [
  'scripts/bootstrap/node.mjs',
  'scripts/bootstrap/cache.mjs',
  'scripts/bootstrap/lock.mjs',
  'package.json',
];

/** Who may start commands. Everything else asks `kernel/`. */
const mayStartProcesses = [/^kernel\//, /^lab\//, /^scripts\//, /^bench\//, /^interop\//];

/** Packages with a weight, and the rooms that have a use for them. Tests may use all. */
const packageRooms: Record<string, RegExp> = {
  '@kubernetes/client-node': /^(scenarios|bench|scripts)\//,
  '@marcbachmann/cel-js': /^apiserver\/apiextensions\/cel\//,
  commander: /^cli\//,
  'dns-packet': /^(dns|lab|cluster|scenarios)\//,
  execa: /^kernel\//,
  express: /^(apiserver|node-agent)\//,
  level: /^apiserver\/storage\//,
  'yocto-spinner': /^(cli|scenarios)\//,
  picocolors: /^(cli|scenarios|bench)\//,
  ws: /^(api|apiserver|node-agent|cluster|cli)\//,
  yaml: /^(?!kernel\/)/,
};

const isTest = (file: string) => /\.test\.ts$|(^|\/)test(ing|kit)?\//.test(file);
const roomOf = (file: string) =>
  file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '');
const files = sourceFiles(root).filter(({ path }) => path in floors || roomOf(path) in floors);
const code = files.filter(({ path }) => !isTest(path));

/** Violations as lines that say where and why, so that a failing test reads as a to-do list. */
function violations(
  list: SourceFile[],
  check: (file: string, specifier: string) => string | undefined,
): string[] {
  return list.flatMap(({ path, text }) =>
    importsOf(text).flatMap((specifier) => {
      const why = check(path, specifier);
      return why === undefined ? [] : [`${path} imports ${specifier}: ${why}`];
    }),
  );
}

/** The project's path of a relative import, else undefined. */
function target(file: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? relative(root, resolve(root, file, '..', specifier)) : undefined;
}

describe('floors', () => {
  it('sees the sources', () => {
    expect(code.length).toBeGreaterThan(20);
  });

  it('imports go down only', () => {
    const found = violations(code, (file, specifier) => {
      const to = target(file, specifier);
      if (to === undefined || openDoors.includes(to) || roomOf(to) === roomOf(file)) return undefined;
      const [from, below] = [floors[roomOf(file)], floors[roomOf(to)]];
      if (below === undefined) return `${roomOf(to)} is no room`;
      return from !== undefined && below < from
        ? undefined
        : `${roomOf(file)} does not stand above ${roomOf(to)}`;
    });
    expect(found).toEqual([]);
  });

  it('only the kernel room and the launchers start processes', () => {
    const found = violations(code, (file, specifier) =>
      /^(node:)?child_process$|^execa$/.test(specifier) && !mayStartProcesses.some((room) => room.test(file))
        ? 'ask kernel/'
        : undefined,
    );
    expect(found).toEqual([]);
  });

  it('packages are used where they belong', () => {
    const found = violations(code, (file, specifier) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
      if (builtinModules.includes(specifier)) return 'write node: in front of it';
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      const rooms = packageRooms[name];
      if (rooms === undefined) return 'not one of the packages this project is founded on';
      return rooms.test(file) ? undefined : `${name} has no place here`;
    });
    expect(found).toEqual([]);
  });

  it('a file tells one story', () => {
    const generated = ['api/types.ts'];
    const long = code
      .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
      .filter(({ path, lines }) => lines > 350 && !generated.includes(path));
    expect(long).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('names every optional package, or npm ci refuses it', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
    expect(missing).toEqual([]);
  });
});
