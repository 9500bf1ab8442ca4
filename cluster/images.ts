import { join } from 'node:path';
import { type LoadedImage, type LoadOptions, loadArchive } from '../node-agent/images/load.ts';
import { openImageStore, type StoredImage } from '../node-agent/images/store.ts';

/** Where a cluster keeps the images that were loaded into it, below its state folder. */
export const imageFolder = (stateFolder: string): string => join(stateFolder, 'images');

/**
 * Loads an archive (`docker save`, an OCI image layout) into a cluster, running or not: every node can run its
 * images from then on.
 *
 * @throws {ArchiveError} for an archive that cannot be read
 */
export function loadImages(
  stateFolder: string,
  file: string,
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  return loadArchive(openImageStore(imageFolder(stateFolder)), file, options);
}

/** The images that were loaded into a cluster. */
export function listImages(stateFolder: string): StoredImage[] {
  return openImageStore(imageFolder(stateFolder)).list();
}
