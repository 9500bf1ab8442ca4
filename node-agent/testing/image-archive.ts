import { createHash } from 'node:crypto';

/** An entry of a tar archive as tests write it; a folder's path ends with a slash. */
export interface TarFile {
  path: string;
  content?: string | Buffer;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Makes it a symbolic link. */
  symlink?: string;
  /** Makes it a hard link. */
  hardlink?: string;
  /** The type's character, where it is none of those. */
  type?: string;
}

/** A tar archive, ustar; longer names as GNU tar writes them. */
export function tar(files: readonly TarFile[]): Buffer {
  return Buffer.concat([...files.flatMap(entry), Buffer.alloc(1024)]);
}

function entry(file: TarFile): Buffer[] {
  const { path, mode, uid = 0, gid = 0, symlink, hardlink } = file;
  const content = Buffer.from(file.content ?? '');
  const folder = path.endsWith('/');
  const type = file.type ?? (folder ? '5' : symlink ? '2' : hardlink ? '1' : '0');
  const header = Buffer.alloc(512);
  header.write(path.slice(0, 100), 0);
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
  octal(mode ?? (folder ? 0o755 : 0o644), 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(content.length, 124, 12);
  octal(1_600_000_000, 136, 12);
  header.write(type, 156);
  header.write(symlink ?? hardlink ?? '', 157);
  header.write('ustar\u000000', 257);
  header.fill(' ', 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const long =
    Buffer.byteLength(path) > 100 ? entry({ path: '././@LongLink', content: `${path}\0`, type: 'L' }) : [];
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return [...long, header, content, padding];
}

/** What an image says of itself; `layers` are tar archives, or compressed ones with the digest of what is in them. */
export interface TestImage {
  names?: readonly string[];
  layers: readonly (Buffer | { bytes: Buffer; plain: Buffer })[];
  config?: Record<string, unknown>;
  architecture?: string;
}

/** The files of a `docker save` archive with this image. */
export function dockerArchive(image: TestImage): TarFile[] {
  const config = configOf(image);
  const layers = image.layers.map((layer, index) => ({
    path: `${index}/layer.tar`,
    content: parts(layer).bytes,
  }));
  const manifest = [
    { Config: `${hex(config)}.json`, RepoTags: image.names ?? null, Layers: layers.map(({ path }) => path) },
  ];
  return [
    ...layers,
    { path: `${hex(config)}.json`, content: config },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ];
}

/** The files of an OCI image layout with this image, behind an index of platforms. */
export function ociLayout(image: TestImage): TarFile[] {
  const blobs: Buffer[] = [];
  const blob = (bytes: Buffer, mediaType: string) => {
    blobs.push(bytes);
    return { mediaType, digest: `sha256:${hex(bytes)}`, size: bytes.length };
  };
  const type = 'application/vnd.oci.image';
  const manifest = {
    schemaVersion: 2,
    config: blob(configOf(image), `${type}.config.v1+json`),
    layers: image.layers.map((layer) => blob(parts(layer).bytes, `${type}.layer.v1.tar`)),
  };
  const platform = { architecture: image.architecture ?? 'amd64', os: 'linux' };
  const own = { ...blob(Buffer.from(JSON.stringify(manifest)), `${type}.manifest.v1+json`), platform };
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [own] }));
  const [name] = image.names ?? [];
  const annotations = name ? { 'org.opencontainers.image.ref.name': name } : {};
  const outer = { schemaVersion: 2, manifests: [{ ...blob(index, `${type}.index.v1+json`), annotations }] };
  return [
    { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', content: JSON.stringify(outer) },
    ...blobs.map((bytes) => ({ path: `blobs/sha256/${hex(bytes)}`, content: bytes })),
  ];
}

function parts(layer: Buffer | { bytes: Buffer; plain: Buffer }): { bytes: Buffer; plain: Buffer } {
  return Buffer.isBuffer(layer) ? { bytes: layer, plain: layer } : layer;
}

function configOf({ layers, config = {}, architecture = 'amd64' }: TestImage): Buffer {
  const diffIds = layers.map((layer) => `sha256:${hex(parts(layer).plain)}`);
  return Buffer.from(
    JSON.stringify({ architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
}

const hex = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
