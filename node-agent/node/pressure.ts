import { readFileSync, statfsSync } from 'node:fs';

/** What a node is short of, as conditions of its status tell. */
export interface Pressure {
  memory: boolean;
  disk: boolean;
}

export const noPressure: Pressure = { memory: false, disk: false };

/** Kubelet's `memory.available<100Mi`, in KiB. */
const leastMemory = 100 << 10;

/**
 * Kubelet's `nodefs.available<10%` and `nodefs.inodesFree<5%`. The disk is not the node's own, and a tenth of a large one is plenty:
 * bytes are short only where there is less than a GiB besides.
 */
const least = { share: 0.1, bytes: 2 ** 30, inodes: 0.05 };

/** Looks at the machine's memory, and at the file systems that these folders are on; those that are not there count for nothing. */
export function pressureOf(folders: readonly string[]): Pressure {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return {
    memory: available !== undefined && Number(available) < leastMemory,
    disk: folders.some(isShort),
  };
}

function isShort(folder: string): boolean {
  try {
    const { bsize, blocks, bavail, files, ffree } = statfsSync(folder);
    return (
      (bavail < least.share * blocks && bavail * bsize < least.bytes) ||
      // Some file systems have as many as they like, and say 0.
      (files > 0 && ffree < least.inodes * files)
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Milliseconds; kubelet looks every ten seconds. */
const period = 5_000;

/** What kubelet calls an Event about each, when it comes and when it has passed. */
const names = {
  memory: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  disk: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
} as const;

/** Looks again and again, and tells of each change, by the name that kubelet gives it. */
export function watchPressure(
  look: () => Pressure,
  signal: AbortSignal,
  onChange: (name: string) => void,
): void {
  let before = look();
  const timer = setInterval(() => {
    const now = look();
    for (const kind of ['memory', 'disk'] as const)
      if (now[kind] !== before[kind]) onChange(names[kind][now[kind] ? 0 : 1]);
    before = now;
  }, period).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
