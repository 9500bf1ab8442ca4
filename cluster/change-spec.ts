import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterSpec } from './spec.ts';
import { readSpec, type StateDir, writeSpec } from './state.ts';

/**
 * Changes a cluster's spec as it is on disk now, one process after the other: two nodes that join at once must not
 * take the same address. Rejects where there is no cluster, and with what `change` throws, which then changes nothing.
 */
export async function changeSpec<T>(state: StateDir, change: (spec: ClusterSpec) => T): Promise<T> {
  const release = await lock(state);
  try {
    const spec = readSpec(state);
    if (!spec) throw new Error(`there is no cluster in ${state.root}`);
    const result = change(spec);
    writeSpec(state, spec);
    return result;
  } finally {
    release();
  }
}

/** An abstract Unix socket: it goes with this process, however that ends. */
async function lock({ root }: StateDir): Promise<() => void> {
  const id = createHash('sha256').update(root).digest('hex').slice(0, 32);
  for (;;) {
    const server = createServer();
    try {
      server.listen(`\0vethernetes-spec-${id}`);
      await once(server, 'listening');
      return () => void server.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await delay(5);
    }
  }
}
