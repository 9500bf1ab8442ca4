import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClusterSpec } from './spec.ts';

/** Where everything of one cluster that outlives its lab is kept. */
export interface StateDir {
  root: string;
  /** {@link ClusterSpec} as JSON. */
  spec: string;
  pki: string;
  /** The administrator's. */
  kubeconfig: string;
  db: string;
  /** A folder for each member of an etcd of the cluster's own. */
  etcd: string;
  log: string;
}

/** `${XDG_STATE_HOME:-~/.local/state}/vethernetes`. */
export function stateHome(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'vethernetes');
}

/** The layout of a cluster's state directory. */
export function stateDir(root: string): StateDir {
  return {
    root,
    spec: join(root, 'cluster.json'),
    pki: join(root, 'pki'),
    kubeconfig: join(root, 'kubeconfig'),
    db: join(root, 'db'),
    etcd: join(root, 'etcd'),
    log: join(root, 'log'),
  };
}

/** Names of the clusters that have a state directory, running or not. */
export function clusterNames(home = stateHome()): string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => existsSync(stateDir(join(home, name)).spec))
    .sort();
}

/** The spec of a cluster, or undefined where there is none. */
export function readSpec(state: StateDir): ClusterSpec | undefined {
  if (!existsSync(state.spec)) return undefined;
  try {
    return JSON.parse(readFileSync(state.spec, 'utf8')) as ClusterSpec;
  } catch (error) {
    throw new Error(`${state.spec} is damaged (${String(error)}); remove ${state.root} to begin anew`);
  }
}

/** Writes the spec so that a reader sees the old or the new one, never half of it. */
export function writeSpec(state: StateDir, spec: ClusterSpec): void {
  writeWhole(state.spec, `${JSON.stringify(spec, undefined, 2)}\n`);
}

/** Replaces a file in one step. */
export function writeWhole(file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
}
