import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ensureEtcd } from '../../lab/etcd.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { withLock } from '../../scripts/bootstrap/lock.mjs';
import { debian } from './debian.ts';
import { type GoProgram, goWorkspace } from './go.ts';
import { ComponentUnavailable } from './unavailable.ts';

export { ComponentUnavailable } from './unavailable.ts';

/** The release that Debian has the whole source of. */
export const release = '1.20.2';

/** What is built from Kubernetes' source, and where its main package is. */
const programs: Readonly<Record<string, GoProgram>> = {
  'kube-apiserver': { package: 'cmd/kube-apiserver', generated: 'openapi' },
  'kube-proxy': { package: 'cmd/kube-proxy' },
  'kube-controller-manager': { package: 'cmd/kube-controller-manager' },
  'kube-scheduler': { package: 'cmd/kube-scheduler' },
  agnhost: { package: 'test/images/agnhost' },
  'e2e.test': { package: 'test/e2e', generated: 'bindata', test: true },
  // Debian's own binary crashes where it writes a kubeconfig: see `renewReflect`.
  kubectl: { package: 'cmd/kubectl' },
  'kubectl-convert': { package: 'cmd/kubectl-convert' },
  ginkgo: { package: 'vendor/github.com/onsi/ginkgo/ginkgo' },
};

/** Names that `component` knows. `source` is a folder: Kubernetes' source tree. */
export const componentNames = [...Object.keys(programs), 'etcd', 'source'];

/** Says how to have a program made that is not there yet. */
export interface ComponentOptions {
  /** Told what takes long. */
  say(line: string): void;
}

/**
 * The path of a genuine program: from the folder `V9S_KUBE_BIN` if it holds one, else from the user's cache folder,
 * else built there from Debian's source package `kubernetes` with Debian's Go, of which nothing is installed. Two
 * runs at once wait for each other.
 * @throws ComponentUnavailable
 */
export async function component(name: string, { say }: ComponentOptions): Promise<string> {
  if (!componentNames.includes(name))
    throw new ComponentUnavailable(`no component "${name}"; known are ${componentNames.join(', ')}`);
  const given = process.env.V9S_KUBE_BIN && resolve(process.env.V9S_KUBE_BIN, name);
  if (given && isProgram(given)) return given;
  if (name === 'etcd') return ensureEtcd();
  const folder = join(cacheFolder(), 'interop', release);
  const place = name === 'source' ? join(folder, 'build/gopath/src/k8s.io/kubernetes') : join(folder, name);
  if (existsSync(place)) return place;
  await mkdir(join(folder, 'build'), { recursive: true });
  await withLock(join(folder, '.lock'), async () => {
    if (!existsSync(place)) await make(name, place, folder, say);
  });
  return place;
}

/**
 * The release a program says it is of, as in `1.20.2`.
 * @throws Error if it says none
 */
export async function versionOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version']);
  const version = /v?(\d+\.\d+(?:\.\d+\S*)?)/.exec(stdout)?.[1];
  if (!version) throw new Error(`${program} --version tells no release: ${stdout.trim()}`);
  return version;
}

async function make(name: string, place: string, folder: string, say: (line: string) => void): Promise<void> {
  const build = join(folder, 'build');
  const packages = debian(
    join(build, 'apt'),
    process.env.V9S_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian',
  );
  const workspace = await goWorkspace(build, packages, say);
  const program = programs[name];
  if (!program) return;
  say(`building ${name} ${release} (minutes, once)`);
  const started = Date.now();
  const built = join(build, `out-${process.pid}`);
  await workspace.build(program, release, built);
  await rename(built, place);
  await rm(join(build, 'tmp'), { recursive: true, force: true });
  say(`built ${place} in ${Math.round((Date.now() - started) / 1000)} s`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // The folder need not hold all of them; the cache has the rest.
    return false;
  }
}
