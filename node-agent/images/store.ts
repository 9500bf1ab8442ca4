import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ImageConfig } from './manifest.ts';
import { canonicalName, parseReference } from './reference.ts';

/** An image that was loaded: its files in one tree, ready to be the lower half of a container's root. */
export interface StoredImage {
  /** `sha256:…` of its configuration. */
  id: string;
  /** Canonical names that lead to it now. */
  names: readonly string[];
  config: ImageConfig;
  /** The tree of all its layers. */
  rootfs: string;
  /** Bytes of its files. */
  size: number;
}

/** What is written about an image beside its tree. */
export interface StoredRecord {
  id: string;
  config: ImageConfig;
  size: number;
}

/**
 * The images that were loaded into a cluster, in a folder of its state: `sha256/HEX/` holds `image.json` and the
 * tree `rootfs/` of the image whose configuration has that digest, `names/REFERENCE` the digest that a canonical name
 * stands for. Each file appears whole or not at all, so that others may read while one writes.
 */
export interface ImageStore {
  readonly folder: string;
  /** The image of a reference as people write it. */
  find(reference: string): StoredImage | undefined;
  /** In order of their names; those that lost theirs to another are last. */
  list(): StoredImage[];
  /** Puts an image in: `fill` lays its tree down. An id that is there already is kept as it is. */
  add(id: string, fill: (rootfs: string) => Promise<Omit<StoredRecord, 'id'>>): Promise<StoredImage>;
  /** From now on the canonical name stands for this image. */
  name(name: string, id: string): void;
  /** Calls `changed` when names have been given, until `signal` fires. */
  follow(signal: AbortSignal, changed: () => void): void;
}

/** Milliseconds after which names that are given together are one change. */
const settling = 50;

/** Opens the store; a folder that does not exist is an empty one. */
export function openImageStore(folder: string): ImageStore {
  const names = join(folder, 'names');
  const images = join(folder, 'sha256');
  const place = (id: string) => join(images, id.replace(/^sha256:/, ''));
  const records = new Map<string, StoredRecord>();

  const idOf = (name: string): string | undefined => {
    try {
      return readFileSync(join(names, encodeURIComponent(name)), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const read = (id: string, known: readonly string[]): StoredImage | undefined => {
    const file = join(place(id), 'image.json');
    const record = records.get(id) ?? (existsSync(file) ? parseRecord(file) : undefined);
    if (!record) return undefined;
    records.set(id, record);
    return { ...record, names: known, rootfs: join(place(id), 'rootfs') };
  };
  const allNames = () =>
    entriesOf(names)
      .filter((name) => !name.includes('.new-'))
      .map(decodeURIComponent);

  return {
    folder,
    find(reference) {
      const parsed = parseReference(reference);
      if (!parsed) return undefined;
      const name = canonicalName(parsed);
      const id = idOf(name);
      return id === undefined ? undefined : read(id, [name]);
    },
    list() {
      const known = new Map<string, string[]>(
        entriesOf(images)
          .filter((hex) => /^[0-9a-f]{64}$/.test(hex))
          .map((hex) => [`sha256:${hex}`, []]),
      );
      for (const name of allNames().sort()) known.get(idOf(name) ?? '')?.push(name);
      return [...known]
        .flatMap(([id, list]) => read(id, list) ?? [])
        .sort((a, b) => ((a.names[0] ?? '~') < (b.names[0] ?? '~') ? -1 : 1));
    },
    async add(id, fill) {
      const there = read(id, []);
      if (there) return there;
      // Nobody else on this machine may run the set-user-ID programs of an image.
      mkdirSync(images, { recursive: true, mode: 0o700 });
      const draft = mkdtempSync(join(images, '.new-'));
      try {
        const rootfs = join(draft, 'rootfs');
        mkdirSync(rootfs, { mode: 0o755 });
        const record: StoredRecord = { id, ...(await fill(rootfs)) };
        writeFileSync(join(draft, 'image.json'), JSON.stringify(record));
        // Another load may have been first, with the same.
        if (!existsSync(place(id))) renameSync(draft, place(id));
      } finally {
        rmSync(draft, { recursive: true, force: true });
      }
      const added = read(id, []);
      if (!added) throw new Error(`${place(id)} is not there`);
      return added;
    },
    name(name, id) {
      mkdirSync(names, { recursive: true, mode: 0o700 });
      const file = join(names, encodeURIComponent(name));
      writeFileSync(`${file}.new-${process.pid}`, id);
      renameSync(`${file}.new-${process.pid}`, file);
    },
    follow(signal, changed) {
      mkdirSync(names, { recursive: true, mode: 0o700 });
      let timer: NodeJS.Timeout | undefined;
      watch(names, { signal, persistent: false }, () => {
        clearTimeout(timer);
        timer = setTimeout(changed, settling);
      });
    },
  };
}

function parseRecord(file: string): StoredRecord {
  return JSON.parse(readFileSync(file, 'utf8')) as StoredRecord;
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
