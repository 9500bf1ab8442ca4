import { mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { mtuIn, subnetFile } from '../overlay/flanneld/subnet-file.ts';
import type { Backend } from '../overlay/options.ts';
import { type Conflist, ConflistError, parseConflist } from './cni/config.ts';

/** What was found on a node: how its pods are attached, in place of what its options say. */
export interface InstalledNetwork {
  overlay?: Backend;
  cni?: { list: Conflist; path: readonly string[] };
}

const configFolder = '/etc/cni/net.d';
const pluginFolder = '/opt/cni/bin';

/**
 * Waits until a DaemonSet, or somebody, has installed a pod network in the node's own `/etc/cni/net.d`, as kubelet's
 * runtime does. flannel's plugin only delegates, with the MTU that flanneld tells in `subnet.env`: pods are then
 * attached by our own means. Any other list is plugins, from the node's `/opt/cni/bin`. A file that cannot be read yet
 * is being written. Rejects when `signal` fires. `hostDir`: see `pods/host-path.ts`.
 */
export async function installedNetwork(hostDir: string, signal: AbortSignal): Promise<InstalledNetwork> {
  const folders = [configFolder, pluginFolder, dirname(subnetFile)].map((folder) => join(hostDir, folder));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const watching = new AbortController();
  try {
    return await new Promise<InstalledNetwork>((resolve, reject) => {
      const look = () => {
        try {
          const found = installedNow(hostDir);
          if (found) resolve(found);
        } catch (error) {
          reject(error);
        }
      };
      signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: watching.signal });
      for (const folder of folders) watch(folder, { signal: watching.signal, persistent: false }, look);
      look();
    });
  } finally {
    watching.abort();
  }
}

/** Undefined until it is there whole. */
export function installedNow(hostDir: string): InstalledNetwork | undefined {
  const list = firstList(join(hostDir, configFolder));
  if (!list) return undefined;
  if (list.plugins[0]?.type !== 'flannel')
    return { cni: { list, path: [join(hostDir, pluginFolder), pluginFolder, '/usr/lib/cni'] } };
  const mtu = mtuIn(read(join(hostDir, subnetFile)));
  return mtu === undefined ? undefined : { overlay: { type: 'none', mtu } };
}

/** The first by name, as containerd takes it. */
function firstList(folder: string): Conflist | undefined {
  for (const name of readdirSync(folder).sort()) {
    if (!/\.(conflist|conf|json)$/.test(name)) continue;
    const file = join(folder, name);
    try {
      return parseConflist(read(file), file);
    } catch (error) {
      // Half of a file is no list; the rest of it is told of.
      if (!(error instanceof ConflistError)) throw error;
    }
  }
  return undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
