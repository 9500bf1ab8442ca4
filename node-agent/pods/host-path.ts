import { mkdirSync, realpathSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { insideTree } from '../images/inside-tree.ts';
import type { BindMount } from '../runtime/root-plan.ts';
import { NotYetError } from './sources.ts';

/** What pods see of the machine's files, and what of the node's. */
export interface NodeFiles {
  /** Stands for what is the node's own. */
  hostDir: string;
  /** Folders of the machine that no pod sees: credentials, and sockets that lead out of the lab. */
  hidden?: readonly string[];
}

const nodesOwn = /^\/((var\/)?(run|tmp)|(etc|opt)\/cni)(\/|$)/;

/** Of the lab, not of the machine: processes, sockets and secrets of all nodes. */
const ofLab = ['/proc', '/run', '/tmp'];

/**
 * Where a `hostPath` leads. Each node has a folder `hostDir` that stands for what is its own of a host's file system,
 * and pods may write there; everything else is the machine's that the lab runs on, and read-only. `/run` and `/tmp`
 * are always the node's own: the machine's would be those of the lab. So are the folders of CNI, where a DaemonSet
 * installs a pod network. What is the node's own has the folder that no link leads out of as its `base`.
 *
 * @throws {NotYetError} when what is there is not of the wanted type
 */
export function hostPath(
  { hostDir, hidden = [] }: NodeFiles,
  path: string,
  type = '',
): Omit<BindMount, 'target'> {
  // No `..` and no link leads out of the node's folder: pods may write there.
  const own = insideTree(hostDir, path);
  const ofMachine = realPath(join('/', path));
  const isOwn =
    (own !== hostDir && look(own) !== undefined) ||
    nodesOwn.test(join('/', path)) ||
    nodesOwn.test(ofMachine ?? '');
  const found = isOwn ? look(own) : look(ofMachine ?? path);
  if (!found) {
    if (type === '' || type === 'DirectoryOrCreate') mkdirSync(own, { recursive: true });
    else if (type === 'FileOrCreate') {
      mkdirSync(dirname(own), { recursive: true });
      writeFileSync(own, '');
    } else throw new NotYetError(`hostPath type check failed: ${path} is not ${types[type]?.what ?? type}`);
    return { source: own, readOnly: false, base: hostDir };
  }
  const wanted = types[type];
  if (wanted && !wanted.is(found))
    throw new NotYetError(`hostPath type check failed: ${path} is not ${wanted.what}`);
  if (isOwn || !ofMachine) return { source: own, readOnly: false, base: hostDir };
  const all = [...ofLab, ...hidden].filter((folder) => look(folder));
  const kept = all.filter((one) => !all.some((other) => other !== one && isWithin(other, one)));
  if (kept.some((folder) => isWithin(folder, ofMachine)))
    throw new NotYetError(`hostPath ${path} belongs to the lab itself; no pod sees it`);
  const below = kept.filter((folder) => isWithin(ofMachine, folder)).map((one) => relative(ofMachine, one));
  return {
    source: ofMachine,
    readOnly: true,
    noDevices: true,
    ...(below.length > 0 ? { hidden: below } : {}),
  };
}

const isWithin = (folder: string, path: string) => `${path}/`.startsWith(folder === '/' ? '/' : `${folder}/`);

/** Without links; undefined where there is nothing. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

const directory = { what: 'a directory', is: (stats: Stats) => stats.isDirectory() };
const file = { what: 'a file', is: (stats: Stats) => stats.isFile() };

const types: Record<string, { what: string; is(stats: Stats): boolean }> = {
  Directory: directory,
  DirectoryOrCreate: directory,
  File: file,
  FileOrCreate: file,
  Socket: { what: 'a socket file', is: (stats) => stats.isSocket() },
  CharDevice: { what: 'a character device', is: (stats) => stats.isCharacterDevice() },
  BlockDevice: { what: 'a block device', is: (stats) => stats.isBlockDevice() },
};

const look = (path: string) => statSync(path, { throwIfNoEntry: false });
