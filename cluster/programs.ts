import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { OptionError } from './option-error.ts';
import type { Store } from './store.ts';

/** Parts of a cluster that upstream's own programs, or nobody, can take the place of. */
export const programNames = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
] as const;

export type ProgramName = (typeof programNames)[number];

/** Which programs run in the place of ours: absolute paths, or `none` for nobody. */
export type Programs = Partial<Record<ProgramName, string>>;

/** Nobody does this work, or somebody whom the cluster does not start. */
export const nobody = 'none';

/**
 * Settles what is asked for, as `['kube-proxy=/usr/local/bin/kube-proxy', 'kube-scheduler=none']`; a later one of a
 * name takes the place of an earlier. Throws {@link OptionError} for the first that cannot be.
 */
export function programsOf(asked: readonly string[] = []): Programs {
  const programs: Programs = {};
  for (const text of asked) {
    const at = text.indexOf('=');
    const name = programNames.find((one) => one === text.slice(0, Math.max(at, 0)));
    if (name === undefined)
      throw new OptionError('program', text, `must be NAME=FILE with one of ${programNames.join(', ')}`);
    const file = text.slice(at + 1);
    if (file !== nobody) programs[name] = executable(text, file);
    else if (name === 'kube-scheduler' || name === 'kube-controller-manager') programs[name] = nobody;
    else if (name === 'kube-proxy')
      throw new OptionError('program', text, 'without a dataplane nodes come up by --dataplane none');
    else throw new OptionError('program', text, 'a cluster has an API; give the program that serves it');
  }
  return programs;
}

/** A cluster, or what is to be one. */
type Replaced = { readonly programs?: Programs };

/** Whether our own part of that name runs. */
export const isOurs = ({ programs }: Replaced, name: ProgramName): boolean => programs?.[name] === undefined;

/** The program that runs in the place of our part; undefined where ours runs or nobody. */
export function replacement({ programs }: Replaced, name: ProgramName): string | undefined {
  const file = programs?.[name];
  return file === nobody ? undefined : file;
}

/** Throws {@link OptionError} for a kube-apiserver where objects are kept in a database of our own. */
export function requireEtcd({ programs }: Replaced, { store }: Store): void {
  const program = programs?.['kube-apiserver'];
  if (program !== undefined && store !== 'etcd')
    throw new OptionError('program', `kube-apiserver=${program}`, `needs --store etcd, this is ${store}`);
}

function executable(text: string, file: string): string {
  const path = resolve(file);
  try {
    accessSync(path, constants.X_OK);
    if (statSync(path).isFile()) return path;
  } catch (error) {
    throw new OptionError('program', text, `must name a program: ${(error as Error).message}`);
  }
  throw new OptionError('program', text, `must name a program; ${path} is no file`);
}
