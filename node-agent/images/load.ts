import { openArchive } from './archive.ts';
import { createLayerTree } from './layers.ts';
import { type ArchivedImage, readImages } from './manifest.ts';
import { canonicalName, parseReference } from './reference.ts';
import type { ImageStore, StoredImage } from './store.ts';
import { ArchiveError } from './tar.ts';

export interface LoadOptions {
  /** Names the image of an archive that holds one, besides its own names. */
  tag?: string;
  /** `amd64` or `arm64`; default this machine's. */
  architecture?: string;
}

/** An image that an archive had, with what became of it. */
export interface LoadedImage extends StoredImage {
  /** Files of other users than root that could not be given to them. */
  foreignOwners: number;
  /** Paths of devices and pipes that were left out. */
  leftOut: readonly string[];
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Reads an archive into a store: `docker save`, an OCI image layout as a tar archive or a folder, compressed or not.
 * Nothing of it is kept when a part is damaged.
 *
 * @throws {ArchiveError} for an archive that cannot be read, and why
 */
export async function loadArchive(
  store: ImageStore,
  file: string,
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  const architecture = options.architecture ?? architectures[process.arch] ?? process.arch;
  await using archive = await openArchive(file);
  try {
    const images = await readImages(archive, architecture);
    const plans = images.map((image) => ({ image, names: namesFor(image, options, images.length) }));
    const loaded: LoadedImage[] = [];
    for (const { image, names } of plans) {
      const { config } = image;
      if (config.os !== undefined && config.os !== 'linux')
        throw new ArchiveError(`image for ${config.os}; only those for linux run here`);
      if (config.architecture !== undefined && config.architecture !== architecture)
        throw new ArchiveError(`image for ${config.architecture}; this machine needs ${architecture}`);
      const tree = { foreignOwners: 0, leftOut: [] as readonly string[] };
      const stored = await store.add(image.id, async (rootfs) => {
        const layers = createLayerTree(rootfs, process.getuid?.() === 0);
        for (const { path, ...expected } of image.layers) await layers.apply(archive.read(path), expected);
        layers.finish();
        tree.foreignOwners = layers.foreignOwners;
        tree.leftOut = layers.leftOut;
        return { config, size: layers.size };
      });
      loaded.push({ ...stored, ...tree, names });
    }
    for (const { id, names } of loaded) for (const name of names) store.name(name, id);
    return loaded;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new ArchiveError(`${file}: ${error.message}`, { cause: error });
  }
}

function namesFor({ names, manifestDigest }: ArchivedImage, { tag }: LoadOptions, count: number): string[] {
  if (tag !== undefined && count > 1)
    throw new ArchiveError(`${count} images are in it; a name for one of them cannot be given`);
  const wanted = [...names, ...(tag === undefined ? [] : [tag])];
  if (wanted.length === 0)
    throw new ArchiveError('it does not name its image; give it a name with --tag NAME:TAG');
  return [
    ...new Set(
      wanted.flatMap((text) => {
        const parsed = parseReference(text);
        if (!parsed) throw new ArchiveError(`invalid image name ${JSON.stringify(text)}`);
        return [
          canonicalName(parsed),
          ...(manifestDigest
            ? [canonicalName({ repository: parsed.repository, digest: manifestDigest })]
            : []),
        ];
      }),
    ),
  ];
}
