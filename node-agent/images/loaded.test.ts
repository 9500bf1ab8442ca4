import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCatalogue } from '../runtime/images.ts';
import { type TarFile, tar } from '../testing/image-archive.ts';
import { createLayerTree } from './layers.ts';
import { withLoaded } from './loaded.ts';
import { type ImageStore, openImageStore } from './store.ts';

let folder = '';
let store: ImageStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-loaded-'));
  store = openImageStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const users: TarFile[] = [
  { path: 'etc/passwd', symlink: '/usr/passwd' },
  { path: 'usr/passwd', content: 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n' },
  { path: 'etc/group', content: 'root:x:0:\nwheel:x:10:root,app\nstaff:x:50:\n' },
];

async function add(
  name: string,
  config: Record<string, unknown>,
  files: readonly TarFile[] = [],
): Promise<void> {
  // Its digest is the test's own: the configuration alone is looked at.
  const id = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`;
  const bytes = tar(files);
  const diffId = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await store.add(id, async (rootfs) => {
    await createLayerTree(rootfs, false).apply(Readable.from([bytes]), { diffId });
    return { config: { config }, size: 0 };
  });
  store.name(name, id);
}

describe('withLoaded', () => {
  it('finds a loaded image before a built-in one of that name', async () => {
    const catalogue = withLoaded(store, loadCatalogue());
    expect(catalogue.find('nginx:1.15')?.rootfs).toBeUndefined();
    await add('docker.io/library/nginx:1.15', {
      Cmd: ['nginx'],
      Env: ['A=b=c', 'B='],
      StopSignal: 'SIGQUIT',
    });
    expect(catalogue.find('nginx:1.15')).toMatchObject({
      cmd: ['nginx'],
      entrypoint: [],
      env: { A: 'b=c', B: '' },
      stopSignal: 'SIGQUIT',
      workingDir: '/',
    });
    expect(catalogue.find('nginx:1.16')?.rootfs).toBeUndefined();
    expect(catalogue.list()[0]?.names).toEqual(['docker.io/library/nginx:1.15']);
  });

  it.each([
    ['SIGQUIT', 'SIGQUIT'],
    ['QUIT', 'SIGQUIT'],
    ['3', 'SIGQUIT'],
    ['SIGRTMIN+3', undefined],
  ])('reads the stop signal %s', async (StopSignal, name) => {
    await add('example.com/x:1', { StopSignal });
    expect(withLoaded(store, loadCatalogue()).find('example.com/x:1')?.stopSignal).toBe(name);
  });

  it.each([
    ['app', { uid: 1000, gid: 1001, groups: [10] }, '/home/app'],
    ['1000', { uid: 1000, gid: 1001, groups: [10] }, '/home/app'],
    ['app:staff', { uid: 1000, gid: 50, groups: [] }, '/home/app'],
    ['4711', { uid: 4711, gid: 0, groups: [] }, '/'],
    ['4711:12', { uid: 4711, gid: 12, groups: [] }, '/'],
  ])('reads the user %s by the files of the image', async (User, user, home) => {
    await add('example.com/x:1', { User }, users);
    const image = withLoaded(store, loadCatalogue()).find('example.com/x:1');
    expect(image?.user).toMatchObject(user);
    expect(image?.env.HOME).toBe(home);
  });
});
