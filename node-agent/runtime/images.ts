import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { familiarName, parseReference } from '../images/reference.ts';
import type { BindMount } from './root-plan.ts';

/** An image, with everything it puts into a container. */
export interface Image {
  /** What `imageID` says in a container's status. */
  id: string;
  entrypoint: readonly string[];
  cmd: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  /** As a Dockerfile's STOPSIGNAL: `SIGQUIT`. */
  stopSignal?: string;
  binds: readonly BindMount[];
  /** Of an image that was loaded: the tree that is the whole root. Without, a root is made around the host's `/usr`. */
  rootfs?: string;
  /** Who its program runs as; default root. */
  user?: { uid: number; gid: number; groups: readonly number[] };
}

/** A built-in image: `images/NAME/image.json`. */
export interface BuiltInImage extends Image {
  /** The folder's name. */
  name: string;
  /** Normalised references without tag. */
  repositories: readonly string[];
  tags?: readonly string[];
}

/** Images looked up by reference. */
export interface Catalogue<Found extends Image = Image> {
  find(reference: string): Found | undefined;
  /** Every name a built-in image answers to, for messages. */
  names(): string[];
  /** As the Node's status lists them; bytes of what an image brings itself. */
  list(): { names: readonly string[]; size: number }[];
}

/** Reads `images/` once. `folder` and `node` are there for tests. */
export function loadCatalogue(
  folder = join(packageRoot, 'images'),
  node: string = process.execPath,
): Catalogue<BuiltInImage> {
  const images = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'image.json')))
    .map((entry) => readImage(folder, entry.name, node));
  return {
    names: () => images.flatMap(({ repositories }) => repositories.map(familiarName)),
    list: () =>
      images.map(({ repositories, tags = ['latest'], binds }) => ({
        names: repositories.flatMap((repository) => tags.map((tag) => `${repository}:${tag}`)),
        size: binds.reduce(
          (sum, { source }) => sum + (statSync(source, { throwIfNoEntry: false })?.size ?? 0),
          0,
        ),
      })),
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
  stopSignal?: string;
  mounts?: { source: string; target: string }[];
}

function readImage(folder: string, name: string, node: string): BuiltInImage {
  const file = join(folder, name, 'image.json');
  const content = JSON.parse(readFileSync(file, 'utf8')) as ImageFile;
  const repositories = content.names.map((text) => {
    const parsed = parseReference(text);
    if (!parsed) throw new Error(`${file}: names: invalid image reference ${JSON.stringify(text)}`);
    return parsed.repository;
  });
  const expand = (text: string) =>
    text
      .replaceAll('{node}', node)
      .replaceAll('{package}', packageRoot)
      .replaceAll('{image}', join(folder, name));
  const image = {
    entrypoint: content.entrypoint ?? [],
    cmd: content.cmd ?? [],
    env: content.env ?? {},
    workingDir: content.workingDir ?? '/',
    ...(content.stopSignal ? { stopSignal: content.stopSignal } : {}),
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
  return {
    ...image,
    name,
    repositories,
    ...(content.tags ? { tags: content.tags } : {}),
    // There is no registry digest; what is in its folder's file stands for the content.
    id: `${repositories[0]}@sha256:${createHash('sha256').update(JSON.stringify(content)).digest('hex')}`,
  };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
