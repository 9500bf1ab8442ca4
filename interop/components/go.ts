import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Debian } from './debian.ts';
import { ComponentUnavailable } from './unavailable.ts';

/** How a program of Kubernetes' source tree is built. */
export interface GoProgram {
  /** Below the source tree. */
  readonly package: string;
  /** Code that releases hold, but source trees do not. */
  readonly generated?: 'openapi' | 'bindata';
  /** The package's tests are the program. */
  readonly test?: true;
}

/** Kubernetes' source tree in a GOPATH, and a Go that can build it. */
export interface GoWorkspace {
  /** Builds a program that says it is of the given release (`1.20.2`) into a file. */
  build(program: GoProgram, release: string, file: string): Promise<void>;
}

/**
 * Fetches what is not there yet: Go 1.19 (81 MB) and Kubernetes' source (34 MB), 1 GB unpacked.
 * @throws ComponentUnavailable
 */
export async function goWorkspace(
  folder: string,
  packages: Debian,
  say: (line: string) => void,
): Promise<GoWorkspace> {
  const [go, tools] = [join(folder, 'go'), join(folder, 'tools')];
  const source = join(folder, 'gopath/src/k8s.io/kubernetes');
  if (!existsSync(go)) {
    say("fetching Go 1.19 (Debian's packages golang-1.19-go and golang-1.19-src, 81 MB)");
    await packages.unpack(['golang-1.19-go', 'golang-1.19-src'], go);
  }
  if (!existsSync(tools)) await packages.unpack(['go-bindata'], tools);
  if (!existsSync(source)) {
    say("fetching Kubernetes' source (Debian's source package kubernetes, 34 MB)");
    await mkdir(dirname(source), { recursive: true });
    await packages.unpackSource('kubernetes', source);
  }
  await renewReflect(source, folder, packages);
  const goroot = join(go, 'usr/lib/go-1.19');
  const env = {
    PATH: `${join(goroot, 'bin')}:/usr/bin:/bin`,
    HOME: folder,
    GOROOT: goroot,
    GOPATH: join(folder, 'gopath'),
    GOCACHE: join(folder, 'go-build'),
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
    LC_ALL: 'C',
  };
  const run = (command: readonly string[]) => runIn(source, env, command);
  return {
    async build(program, release, file) {
      if (program.generated === 'openapi') await generateOpenapi(source, folder, run);
      if (program.generated === 'bindata') await generateBindata(source, tools, run);
      const how = program.test ? ['go', 'test', '-c'] : ['go', 'build'];
      await run([...how, '-ldflags', `-s -w ${versionFlags(release)}`, '-o', file, `./${program.package}`]);
    },
  };
}

/**
 * What Kubernetes 1.20 brings along to look into maps was made for Go up to 1.17: built with a later one, programs crash
 * where they write an object with a map as JSON. Debian has the release of it that knows them.
 */
async function renewReflect(source: string, folder: string, packages: Debian): Promise<void> {
  const vendored = join(source, 'vendor/github.com/modern-go/reflect2');
  if (existsSync(join(vendored, 'go_above_118.go'))) return;
  const unpacked = join(folder, 'reflect2');
  await rm(unpacked, { recursive: true, force: true });
  await packages.unpack(['golang-github-modern-go-reflect2-dev'], unpacked);
  await rm(vendored, { recursive: true });
  await rename(join(unpacked, 'usr/share/gocode/src/github.com/modern-go/reflect2'), vendored);
}

/** As hack/lib/version.sh tells the linker. */
function versionFlags(release: string): string {
  const [major, minor] = release.split('.');
  const values = { gitVersion: `v${release}`, gitMajor: major, gitMinor: minor };
  return ['component-base/version', 'client-go/pkg/version']
    .flatMap((where) =>
      Object.entries(values).map(
        ([name, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${where}.${name}=${value}`,
      ),
    )
    .join(' ');
}

type Run = (command: readonly string[]) => Promise<string>;

/** As Makefile.generated_files does: every package with the tag goes in. */
async function generateOpenapi(source: string, folder: string, run: Run): Promise<void> {
  const file = 'pkg/generated/openapi/zz_generated.openapi.go';
  if (existsSync(join(source, file))) return;
  const generator = join(folder, 'openapi-gen');
  await run(['go', 'build', '-o', generator, './vendor/k8s.io/kube-openapi/cmd/openapi-gen']);
  const tagged = await run(['grep', '-Rl', '--include=*.go', '+k8s:openapi-gen=', 'vendor/k8s.io', 'pkg']);
  const packages = new Set(tagged.trim().split('\n').map(dirname));
  const inputs = [...packages]
    .filter((name) => !/^vendor\/k8s\.io\/(code-generator|sample-apiserver)\//.test(name))
    .map((name) => `k8s.io/kubernetes/${name}`)
    .sort();
  await run([
    ...[generator, '--logtostderr', '-i', inputs.join(','), '-p', 'k8s.io/kubernetes/pkg/generated/openapi'],
    ...['-O', 'zz_generated.openapi', '-h', 'vendor/k8s.io/code-generator/hack/boilerplate.go.txt'],
    ...['-r', join(folder, 'openapi-violations'), '-o', join(folder, 'generated')],
  ]);
  await rename(join(folder, 'generated/k8s.io/kubernetes', file), join(source, file));
}

/** As hack/generate-bindata.sh does: the files that the tests read. */
async function generateBindata(source: string, tools: string, run: Run): Promise<void> {
  const file = join(source, 'test/e2e/generated/bindata.go');
  if (existsSync(file)) return;
  const folders = [
    ...['test/conformance/testdata', 'test/e2e/testing-manifests', 'test/e2e_node/testing-manifests'],
    ...['test/images', 'test/fixtures'],
  ];
  const ignored = ['.jpg', '.png', '.md', 'BUILD(\\.bazel)?'].flatMap((pattern) => ['-ignore', pattern]);
  await run([
    ...[join(tools, 'usr/bin/go-bindata'), '-nometadata', '-o', `${file}.tmp`],
    ...['-pkg', 'generated', ...ignored, ...folders.map((folder) => `${folder}/...`)],
  ]);
  await rename(`${file}.tmp`, file);
}

/** Others use the machine meanwhile: what takes minutes stands back. */
async function runIn(cwd: string, env: Record<string, string>, command: readonly string[]): Promise<string> {
  const child = spawn('nice', command, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code === 0) return said;
  const end = complained.trim().split('\n').slice(-5).join('\n');
  throw new ComponentUnavailable(
    `${command.slice(0, 3).join(' ')}… in ${cwd} ended with ${code}:\n${end}\n` +
      `Building needs 6 GB in the cache folder and 4 GB of memory. To begin anew, remove ${dirname(env.GOCACHE ?? '')}`,
  );
}
