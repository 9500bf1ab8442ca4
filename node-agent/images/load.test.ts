import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as zlib from 'node:zlib';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dockerArchive, ociLayout, type TarFile, type TestImage, tar } from '../testing/image-archive.ts';
import { loadArchive } from './load.ts';
import { type ImageStore, openImageStore } from './store.ts';

let folder = '';
let store: ImageStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-images-'));
  store = openImageStore(join(folder, 'images'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = { architecture: 'amd64' };

function archive(files: readonly TarFile[], compress = (bytes: Buffer): Buffer => bytes): string {
  const file = join(folder, 'image.tar');
  writeFileSync(file, compress(tar(files)));
  return file;
}

const load = (image: TestImage) =>
  loadArchive(store, archive(dockerArchive({ names: ['example.com/it:1'], ...image })), options);

/** The tree of an image with these layers. */
async function tree(...layers: TarFile[][]): Promise<string> {
  const [image] = await load({ layers: layers.map(tar) });
  return image?.rootfs ?? '';
}

const text = (root: string, path: string) => readFileSync(join(root, path), 'utf8');

/** A frame of one raw block, up to 64 KiB; RFC 8878 section 3.1.1. */
function zstdFrame(bytes: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x60, 0, 0, 0, 0, 0]);
  head.writeUInt16LE(bytes.length - 256, 5);
  head.writeUIntLE(1 | (bytes.length << 3), 7, 3);
  return Buffer.concat([head, bytes]);
}

describe('archives', () => {
  const layer = tar([{ path: 'etc/' }, { path: 'etc/greeting', content: 'hello' }]);
  const config = { Entrypoint: ['/bin/hello'], Env: ['A=b=c'], WorkingDir: '/etc' };

  it.each([
    ['docker save', dockerArchive],
    ['an OCI image layout', ociLayout],
  ])('of %s give names, configuration and files', async (_what, files) => {
    const image = { names: ['example.com/it:1'], layers: [layer], config };
    const [loaded] = await loadArchive(store, archive(files(image)), options);
    expect(loaded?.names[0]).toBe('example.com/it:1');
    const found = store.find('example.com/it:1');
    expect(found?.config.config).toEqual(config);
    expect(found?.size).toBe(5);
    expect(text(found?.rootfs ?? '', 'etc/greeting')).toBe('hello');
    expect(store.find('example.com/it:2')).toBeUndefined();
  });

  it('may be a folder, and is found by the digest of its manifest', async () => {
    const layout = join(folder, 'layout');
    for (const { path, content } of ociLayout({ names: ['example.com/it:1'], layers: [layer] })) {
      mkdirSync(dirname(join(layout, path)), { recursive: true });
      writeFileSync(join(layout, path), content ?? '');
    }
    const [image] = await loadArchive(store, layout, options);
    const byDigest = image?.names.find((name) => name.includes('@')) ?? '';
    expect(store.find(byDigest)?.id).toBe(image?.id);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdFrame],
  ])('and layers may be compressed by %s', async (name, compress) => {
    const layers = [{ bytes: compress(layer), plain: layer }];
    const files = ociLayout({ names: ['example.com/it:1'], layers });
    const loading = loadArchive(store, archive(files, compress), options);
    if (name === 'zstd' && !('createZstdDecompress' in zlib)) {
      await expect(loading).rejects.toThrow(/zstd, which Node.js .* cannot read/);
      return;
    }
    const [image] = await loading;
    expect(text(image?.rootfs ?? '', 'etc/greeting')).toBe('hello');
  });

  it('without a name need one', async () => {
    const file = archive(dockerArchive({ layers: [layer] }));
    await expect(loadArchive(store, file, options)).rejects.toThrow(/--tag NAME:TAG/);
    await loadArchive(store, file, { ...options, tag: 'mine:2' });
    expect(store.find('mine:2')).toBeDefined();
  });

  it('loaded again take the name over', async () => {
    await load({ layers: [layer] });
    await load({ layers: [layer], config });
    expect(store.find('example.com/it:1')?.config.config).toEqual(config);
    expect(store.list().map(({ names }) => names)).toEqual([['example.com/it:1'], []]);
  });

  it('that cannot be read say why, and leave nothing', async () => {
    const files = ociLayout({ names: ['example.com/it:1'], layers: [layer] });
    const spoilt = (which: RegExp, content: string | Buffer) =>
      files.map((file) => (which.test(String(file.content)) ? { ...file, content } : file));
    const cases: [TarFile[], RegExp][] = [
      [[{ path: 'hello', content: 'x' }], /neither manifest\.json nor index\.json is in it/],
      [spoilt(/greeting/, tar([{ path: 'other' }])), /layer sha256:\w+ is damaged: its digest is sha256:/],
      [spoilt(/"config":\{"mediaType/, '{}'), /blobs\/sha256\/\w+ is damaged/],
      [files.filter(({ content }) => !String(content).includes('greeting')), /blobs\/sha256\/\w+ is missing/],
      [ociLayout({ names: ['x'], layers: [layer], architecture: 's390x' }), /only for s390x; .* needs amd64/],
      [[{ path: 'manifest.json', content: '[{' }], /manifest\.json is not JSON/],
      [[{ path: 'manifest.json', content: '[]' }], /lists no image/],
      [dockerArchive({ names: ['A B'], layers: [] }), /invalid image name "A B"/],
    ];
    for (const [content, message] of cases)
      await expect(loadArchive(store, archive(content), options)).rejects.toThrow(message);
    writeFileSync(join(folder, 'text'), 'no archive at all'.repeat(100));
    await expect(loadArchive(store, join(folder, 'text'), options)).rejects.toThrow(/text: no tar header/);
    const whole = readFileSync(archive(files));
    writeFileSync(join(folder, 'cut'), whole.subarray(0, 3000));
    await expect(loadArchive(store, join(folder, 'cut'), options)).rejects.toThrow(/cut/);
    await expect(loadArchive(store, join(folder, 'nosuch'), options)).rejects.toThrow(/no such file/);
    expect(store.list()).toEqual([]);
    expect(existsSync(store.folder) ? readdirSync(join(store.folder, 'sha256')) : []).toEqual([]);
  });
});

describe('layers', () => {
  it('replace, take away and make opaque what lower ones have', async () => {
    const root = await tree(
      [
        { path: 'a', content: '1' },
        { path: 'b', content: '1' },
        { path: 'dir/' },
        { path: 'dir/old', content: '1' },
        { path: 'dir/sub/deep', content: '1' },
        { path: 'kept/one', content: '1' },
        { path: 'was-dir/x', content: '1' },
        { path: 'was-file', content: '1' },
      ],
      [
        { path: './a', content: '2' },
        { path: '.wh.b' },
        { path: 'dir/new', content: '2' },
        { path: 'dir/.wh..wh..opq' },
        { path: 'kept/two', content: '2' },
        { path: 'was-dir', content: '2' },
        { path: 'was-file/' },
        { path: 'was-file/y', content: '2' },
        { path: '.wh.nosuch' },
      ],
    );
    expect(readdirSync(root).sort()).toEqual(['a', 'dir', 'kept', 'was-dir', 'was-file']);
    expect(text(root, 'a')).toBe('2');
    expect(readdirSync(join(root, 'dir'))).toEqual(['new']);
    expect(readdirSync(join(root, 'kept')).sort()).toEqual(['one', 'two']);
    expect(text(root, 'was-dir')).toBe('2');
  });

  it('keep modes, times, links and long names', async () => {
    const long = `${'long/'.repeat(30)}name`;
    const root = await tree([
      { path: 'bin/tool', content: '#!', mode: 0o4755 },
      { path: 'closed/', mode: 0o500 },
      { path: 'closed/file', content: 'x', mode: 0o400 },
      { path: 'link', symlink: '/bin/tool' },
      { path: 'same', hardlink: 'bin/tool' },
      { path: long, content: 'far' },
    ]);
    const tool = lstatSync(join(root, 'bin/tool'));
    expect(tool.mode & 0o7777).toBe(0o4755);
    expect(tool.mtimeMs).toBe(1_600_000_000_000);
    expect(lstatSync(join(root, 'closed')).mode & 0o077).toBe(0);
    expect(readlinkSync(join(root, 'link'))).toBe('/bin/tool');
    expect(lstatSync(join(root, 'same')).ino).toBe(tool.ino);
    expect(text(root, long)).toBe('far');
  });

  it('write nothing outside of the tree, wherever their links lead', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    const root = await tree(
      [
        { path: 'absolute', symlink: outside },
        { path: 'up', symlink: '../../../../..' },
        { path: 'file', symlink: join(outside, 'victim') },
      ],
      [
        { path: 'absolute/one', content: '1' },
        { path: `up${outside}/two`, content: '2' },
        { path: 'file', content: '3' },
      ],
    );
    expect(readdirSync(outside)).toEqual([]);
    expect(text(root, `${outside}/one`)).toBe('1');
    expect(text(root, `${outside}/two`)).toBe('2');
    await expect(tree([{ path: '../escaped', content: 'x' }])).rejects.toThrow(/leads out of the image/);
    await expect(tree([{ path: 'x', hardlink: '../../etc/passwd' }])).rejects.toThrow(/leads out/);
  });

  it('leave devices out and say so', async () => {
    const [image] = await load({ layers: [tar([{ path: 'dev/null', type: '3' }])] });
    expect(image?.leftOut).toEqual(['/dev/null']);
  });

  it('keep owners where the user may give files away, else count them', async () => {
    const [image] = await load({ layers: [tar([{ path: 'app', content: 'x', uid: 1000, gid: 1000 }])] });
    const { uid } = lstatSync(join(image?.rootfs ?? '', 'app'));
    const isRoot = process.getuid?.() === 0;
    expect([uid, image?.foreignOwners]).toEqual(isRoot ? [1000, 0] : [process.getuid?.(), 1]);
  });
});
