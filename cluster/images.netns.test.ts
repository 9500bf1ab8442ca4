import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Container, Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { dockerArchive, ociLayout, type TarFile, tar } from '../node-agent/testing/image-archive.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import { loadImages } from './images.ts';

let cluster: Cluster;
let folder = '';
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** A program of this machine with the libraries it names: all that an image needs to run it. */
function program(path: string, target: string): TarFile[] {
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g);
  return [
    { path: target, content: readFileSync(path), mode: 0o755 },
    ...[...libraries].map(([, file = '']) => ({
      path: file.slice(1),
      content: readFileSync(realpathSync(file)),
      mode: 0o755,
    })),
  ];
}

/** A shell with `cat`, `ls` and `sleep`, files that a second layer takes away or replaces, and links that lead out of it. */
function image() {
  const base = tar([
    ...program('/bin/sh', 'bin/sh'),
    ...program('/bin/cat', 'bin/cat'),
    ...program('/bin/ls', 'bin/ls'),
    ...program('/bin/sleep', 'bin/sleep'),
    { path: 'srv/gone', content: 'lower' },
    { path: 'srv/greeting', content: 'lower' },
    { path: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
    { path: 'etc/resolv.conf', symlink: '/run/v9s-escaped' },
    { path: 'proc', symlink: '/run' },
    { path: 'data', symlink: '../../../../../../run/v9s-escaped-too' },
  ]);
  const upper = tar([
    { path: 'srv/.wh.gone' },
    { path: 'srv/greeting', content: 'upper\n' },
    { path: '.wh.proc' },
  ]);
  return {
    names: ['example.com/own:1'],
    architecture,
    layers: [{ bytes: gzipSync(base), plain: base }, upper],
    config: {
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['echo "$GREETING from $PWD: $(ls)"; read line < greeting; echo $line; exec sleep 1000'],
      Env: ['PATH=/bin', 'GREETING=hello'],
      WorkingDir: '/srv',
      StopSignal: 'SIGKILL',
    },
  };
}

const pod = (name: string, node: string, container: Partial<Container>): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'it', ...container }],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  });

const run = async (command: string) =>
  (await cluster.node('control-plane').exec(['sh', '-c', command], { allowFailure: true })).stdout;
const statusOf = (pods: readonly Pod[], name: string) =>
  pods.find(({ metadata }) => metadata?.name === name)?.status?.containerStatuses?.[0];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-load-test-'));
  cluster = await startCluster({
    name: 'images',
    nodes: 2,
    clusterDns: 'none',
    stateDir: join(folder, 'state'),
  });
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a loaded image runs on every node as it says, and writes nowhere else', async () => {
  const file = join(folder, 'own.tar.gz');
  writeFileSync(file, gzipSync(tar(dockerArchive(image()))));
  const [loaded] = await loadImages(cluster.stateDir, file);
  const own = { image: 'example.com/own:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const [one = '', two = ''] = cluster.spec.nodes.map(({ name }) => name);
  await cluster.apply(
    [
      pod('a', one, { ...own, imagePullPolicy: 'Never' }),
      pod('b', two, { ...own, imagePullPolicy: 'IfNotPresent' }),
      pod('c', two, { image: 'example.com/own:2' }),
      pod('d', two, { image: 'example.com/own:3', imagePullPolicy: 'Never' }),
    ].join('\n---\n'),
  );
  const pods = await cluster.waitFor<Pod>(
    'pods',
    (all) =>
      ['a', 'b'].every((name) => statusOf(all, name)?.state?.running) &&
      ['c', 'd'].every((name) => statusOf(all, name)?.state?.waiting?.reason?.startsWith('Err')),
  );
  expect(statusOf(pods, 'a')).toMatchObject({ image: 'example.com/own:1', imageID: loaded?.id });
  expect(statusOf(pods, 'c')?.state?.waiting?.message).toContain('v9s load FILE.tar');
  expect(statusOf(pods, 'd')?.state?.waiting?.reason).toBe('ErrImageNeverPull');
  for (const name of ['a', 'b'])
    await expect.poll(async () => (await cluster.logs(name)).trim()).toBe('hello from /srv: greeting\nupper');
  const resolver = await cluster.pod('a').exec(['/bin/cat', '/etc/resolv.conf']);
  expect(resolver.stdout).toContain('nameserver');
  expect(await run('ls /run | grep escaped')).toBe('');
});

it('the nodes say what they have', async () => {
  await expect
    .poll(async () => {
      const nodes = await cluster.client.list(resources.nodes);
      return nodes.items.map(({ status }) => status?.images?.[0]?.names);
    })
    .toEqual([['example.com/own:1'], ['example.com/own:1']]);
});

it('v9s load takes archives, names them, lists them, and says what is wrong with one', async () => {
  mkdirSync(join(folder, 'vethernetes'));
  symlinkSync(cluster.stateDir, join(folder, 'vethernetes/images'));
  writeFileSync(join(folder, 'layout.tar'), tar(ociLayout({ ...image(), names: [] })));
  writeFileSync(join(folder, 'bad.tar'), 'nothing of the kind');
  const load = (...args: string[]) =>
    spawnSync(process.execPath, [join(packageRoot, 'dist/v9s.js'), 'load', '--name', 'images', ...args], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, XDG_STATE_HOME: folder },
    });
  expect(load('bad.tar')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/bad\.tar: no tar header/),
  });
  expect(load('layout.tar')).toMatchObject({ status: 1, stderr: expect.stringContaining('--tag NAME:TAG') });
  expect(load('layout.tar', '--tag', 'mine')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^Loaded mine:latest, [\d.]+MB\n$/),
  });
  // One that has waited for it starts.
  expect(load('layout.tar', '--tag', 'example.com/own:2').status).toBe(0);
  await cluster.waitFor<Pod>('pods', (all) => statusOf(all, 'c')?.state?.running !== undefined);
  expect(load('--list').stdout).toMatch(
    /^IMAGE +ID +SIZE\nexample\.com\/own:1 +\w{12} .*\nexample\.com\/own:2 +\w{12} .*\nmine:latest +\w{12} +[\d.]+MB\n$/,
  );
});
