import { mkdirSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { insideTree } from '../images/inside-tree.ts';
import { NotYetError } from './sources.ts';

/**
 * Where a `hostPath` leads. Each node has a folder `hostDir` that stands for what is its own of a host's file system,
 * and pods may write there; everything else is the machine's that the lab runs on, and read-only. `/run` and `/tmp`
 * are always the node's own: the machine's would be those of the lab. So are the folders of CNI, where a DaemonSet
 * installs a pod network. What is the node's own has the folder that no link leads out of as its `base`.
 *
 * @throws {NotYetError} when what is there is not of the wanted type
 */
export function hostPath(
  hostDir: string,
  path: string,
  type = '',
): { source: string; readOnly: boolean; base?: string } {
  // No `..` and no link leads out of the node's folder: pods may write there.
  const own = insideTree(hostDir, path);
  const isOwn =
    look(own) !== undefined || /^\/((var\/)?(run|tmp)|(etc|opt)\/cni)(\/|$)/.test(join('/', path));
  const source = isOwn ? own : path;
  const found = look(source);
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
  return { source, readOnly: !isOwn, ...(isOwn ? { base: hostDir } : {}) };
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
