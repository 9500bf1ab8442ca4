import { createHash } from 'node:crypto';
import type { Archive } from './archive.ts';
import { ArchiveError } from './tar.ts';

/** An image as an archive has it: what it says about its layers is checked when they are read. */
export interface ArchivedImage {
  /** As the archive spells them; none where it names nothing. */
  names: readonly string[];
  /** `sha256:…` of its manifest, where it has one. */
  manifestDigest?: string;
  /** `sha256:…` of the configuration: the image's id. */
  id: string;
  config: ImageConfig;
  /** The lowest first. `digest` is that of the bytes in the archive, compressed or not. */
  layers: readonly { path: string; digest?: string; diffId: string }[];
}

/** The parts of an image's configuration that are used. OCI image-spec `config.md`. */
export interface ImageConfig {
  architecture?: string;
  os?: string;
  created?: string;
  config?: {
    User?: string;
    Env?: string[] | null;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    WorkingDir?: string;
    StopSignal?: string;
    ExposedPorts?: Record<string, unknown> | null;
  };
  rootfs?: { diff_ids?: string[] };
}

interface Descriptor {
  mediaType?: string;
  digest?: string;
  platform?: { architecture?: string; os?: string };
  annotations?: Record<string, string>;
}

/**
 * The images of an archive: one written by `docker save` (`manifest.json`) or an OCI image layout (`index.json`,
 * image-spec `image-layout.md`), of which those for `architecture` count. Archives that are both are read as the first.
 *
 * @throws {ArchiveError} for an archive that is neither, or whose parts do not fit together
 */
export async function readImages(archive: Archive, architecture: string): Promise<ArchivedImage[]> {
  if (archive.has('manifest.json')) return dockerImages(archive);
  if (!archive.has('index.json'))
    throw new ArchiveError(
      'neither manifest.json nor index.json is in it: not an image archive. docker save and skopeo copy … oci-archive:FILE write them',
    );
  const { manifests } = await readJson<{ manifests?: Descriptor[] }>(archive, 'index.json');
  const images: ArchivedImage[] = [];
  const others = new Set<string>();
  const visit = async (descriptor: Descriptor, inherited: readonly string[]): Promise<void> => {
    const { platform, digest = '' } = descriptor;
    const names = [...inherited, ...namesOf(descriptor)];
    // Attestations stand among the manifests as an unknown platform.
    if (platform?.os === 'unknown') return;
    if (platform?.architecture && platform.architecture !== architecture)
      return void others.add(platform.architecture);
    const bytes = await readBlob(archive, digest);
    const manifest = parse<{ manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] }>(
      bytes,
      digest,
    );
    if (manifest.manifests) {
      for (const one of manifest.manifests) await visit(one, names);
      return;
    }
    if (!manifest.config?.digest) throw new ArchiveError(`${digest} is no image manifest`);
    const config = parse<ImageConfig>(
      await readBlob(archive, manifest.config.digest),
      manifest.config.digest,
    );
    const layers = (manifest.layers ?? []).map(({ digest: layer = '' }) => ({
      path: blobPath(layer),
      digest: layer,
    }));
    images.push(assemble(names, manifest.config.digest, config, layers, digest));
  };
  for (const one of manifests ?? []) await visit(one, []);
  if (images.length === 0)
    throw new ArchiveError(
      others.size > 0
        ? `only for ${[...others].join(', ')}; this machine needs ${architecture}`
        : 'index.json lists no image',
    );
  return images;
}

async function dockerImages(archive: Archive): Promise<ArchivedImage[]> {
  const list = await readJson<{ Config?: string; RepoTags?: string[] | null; Layers?: string[] }[]>(
    archive,
    'manifest.json',
  );
  if (!Array.isArray(list) || list.length === 0) throw new ArchiveError('manifest.json lists no image');
  return Promise.all(
    list.map(async ({ Config, RepoTags, Layers }) => {
      if (!Config) throw new ArchiveError('manifest.json: an image without Config');
      const bytes = await readWhole(archive, Config);
      const id = digestOf(bytes);
      const named = /([0-9a-f]{64})(?:\.json)?$/.exec(Config)?.[1];
      if (named && id !== `sha256:${named}`)
        throw new ArchiveError(`${Config} is damaged: its digest is ${id}`);
      const layers = (Layers ?? []).map((path) => {
        const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
        return { path, ...(hex ? { digest: `sha256:${hex}` } : {}) };
      });
      return assemble(RepoTags ?? [], id, parse<ImageConfig>(bytes, Config), layers);
    }),
  );
}

function assemble(
  names: readonly string[],
  id: string,
  config: ImageConfig,
  layers: readonly { path: string; digest?: string }[],
  manifestDigest?: string,
): ArchivedImage {
  const diffIds = config.rootfs?.diff_ids ?? [];
  if (diffIds.length !== layers.length)
    throw new ArchiveError(
      `image ${id}: ${layers.length} layers, but its configuration has ${diffIds.length} diff_ids`,
    );
  return {
    names,
    id,
    config,
    layers: layers.map((layer, index) => ({ ...layer, diffId: diffIds[index] ?? '' })),
    ...(manifestDigest ? { manifestDigest } : {}),
  };
}

/** containerd and Docker write the whole reference to the first annotation; skopeo and buildah to the second, or a bare tag. */
function namesOf({ annotations = {} }: Descriptor): string[] {
  const whole = annotations['io.containerd.image.name'];
  const name = whole ?? annotations['org.opencontainers.image.ref.name'];
  return name && (whole || /[/:]/.test(name)) ? [name] : [];
}

function blobPath(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (!hex) throw new ArchiveError(`digest ${JSON.stringify(digest)}: only sha256 is known`);
  return `blobs/sha256/${hex}`;
}

async function readBlob(archive: Archive, digest: string): Promise<Buffer> {
  const path = blobPath(digest);
  const bytes = await readWhole(archive, path);
  if (digestOf(bytes) !== digest)
    throw new ArchiveError(`${path} is damaged: its digest is ${digestOf(bytes)}`);
  return bytes;
}

async function readJson<T extends object>(archive: Archive, path: string): Promise<T> {
  return parse<T>(await readWhole(archive, path), path);
}

/** Manifests and configurations are a few KB. */
const largest = 16 << 20;

async function readWhole(archive: Archive, path: string): Promise<Buffer> {
  if (!archive.has(path)) throw new ArchiveError(`${path} is missing`);
  if (archive.size(path) > largest)
    throw new ArchiveError(`${path}: ${archive.size(path)} bytes are too many`);
  const pieces: Buffer[] = [];
  for await (const piece of archive.read(path)) pieces.push(piece);
  return Buffer.concat(pieces);
}

function parse<T extends object>(bytes: Buffer, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new ArchiveError(`${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null) throw new ArchiveError(`${what} is no JSON object`);
  return value as T;
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
