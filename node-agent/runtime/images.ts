import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import type { BindMount } from './root-plan.ts';

/** A built-in image: `images/NAME/image.json`, with everything it puts into a container. */
export interface Image {
  /** The folder's name. */
  name: string;
  /** Normalised references without tag. */
  repositories: readonly string[];
  tags?: readonly string[];
  entrypoint: readonly string[];
  cmd: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  binds: readonly BindMount[];
}

/** A reference taken apart: `docker.io/library/busybox`, `1.36`. */
export interface ImageReference {
  repository: string;
  tag?: string;
  digest?: string;
}

/**
 * Normalises a reference as Docker does: `busybox` is `docker.io/library/busybox`, `a/b` is
 * `docker.io/a/b`; a first part with a dot or a colon, or `localhost`, is a registry. Upstream:
 * distribution/reference `normalize.go`. Undefined for text that is no reference.
 */
export function parseReference(reference: string): ImageReference | undefined {
  const match =
    /^((?:[\w.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(
      reference,
    );
  const [, name, tag, digest] = match ?? [];
  if (!name) return undefined;
  const [first = '', ...rest] = name.split('/');
  const registry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = registry ? rest.join('/') : name;
  const host = registry ? first.replace(/^index\.docker\.io$/, 'docker.io') : 'docker.io';
  const repository = `${host}/${host === 'docker.io' && !path.includes('/') ? `library/${path}` : path}`;
  return { repository, ...(tag ? { tag } : {}), ...(digest ? { digest } : {}) };
}

/** The built-in images, looked up by reference. */
export interface Catalogue {
  find(reference: string): Image | undefined;
  /** Every name an image answers to, for messages. */
  names(): string[];
}

/** Reads `images/` once. `folder` and `node` are there for tests. */
export function loadCatalogue(
  folder = join(packageRoot, 'images'),
  node: string = process.execPath,
): Catalogue {
  const images = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'image.json')))
    .map((entry) => readImage(folder, entry.name, node));
  return {
    names: () => images.flatMap(({ repositories }) => repositories.map(familiar)),
    find(reference) {
      const wanted = parseReference(reference);
      if (!wanted) return undefined;
      return images.find(
        ({ repositories, tags }) =>
          repositories.includes(wanted.repository) && (!tags || tags.includes(wanted.tag ?? 'latest')),
      );
    },
  };
}

interface ImageFile {
  names: string[];
  tags?: string[];
  entrypoint?: string[];
  cmd?: string[];
  env?: Record<string, string>;
  workingDir?: string;
  mounts?: { source: string; target: string }[];
}

function readImage(folder: string, name: string, node: string): Image {
  const file = join(folder, name, 'image.json');
  const content = JSON.parse(readFileSync(file, 'utf8')) as ImageFile;
  const repositories = content.names.map((text) => {
    const parsed = parseReference(text);
    if (!parsed) throw new Error(`${file}: names: invalid image reference ${JSON.stringify(text)}`);
    return parsed.repository;
  });
  const expand = (text: string) => text.replaceAll('{node}', node).replaceAll('{package}', packageRoot);
  return {
    name,
    repositories,
    ...(content.tags ? { tags: content.tags } : {}),
    entrypoint: content.entrypoint ?? [],
    cmd: content.cmd ?? [],
    env: content.env ?? {},
    workingDir: content.workingDir ?? '/',
    binds: [
      ...filesBelow(join(folder, name, 'files')).map((path) => ({
        source: join(folder, name, 'files', path),
        target: `/${path}`,
        readOnly: true,
      })),
      ...(content.mounts ?? []).map(({ source, target }) => ({
        source: expand(source),
        target,
        readOnly: true,
        optional: true,
      })),
    ],
  };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** As people write it: without what Docker adds. */
function familiar(repository: string): string {
  return repository.replace(/^docker\.io\/(?:library\/)?/, '');
}
