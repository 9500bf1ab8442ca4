import type { Connection } from './connection.ts';
import { leaseGrantRequest } from './messages.ts';

/** Upstream: `--lease-reuse-duration-seconds`, `--lease-max-object-count`. */
const reuseMilliseconds = 60_000;
const mostKeys = 1_000;

interface Lease {
  id: number;
  granted: number;
  keys: number;
}

/**
 * Leases for keys that shall go by themselves. Keys that come soon after one another share one, which for that
 * lasts a little longer. Upstream: `apiserver/pkg/storage/etcd3/lease_manager.go`.
 */
export function createLeases(connection: Connection): {
  /** The ID of a lease that lasts at least `ttl` seconds. */
  lasting(ttl: number): Promise<number>;
} {
  const leases = new Map<number, Promise<Lease>>();

  async function grant(ttl: number): Promise<Lease> {
    // Chosen here: etcd's own choices are above 2^53.
    const id = 1 + Math.floor(Math.random() * 2 ** 52);
    const longer = ttl > 60 ? Math.ceil(reuseMilliseconds / 1_000) : 0;
    await connection.ask('/etcdserverpb.Lease/LeaseGrant', leaseGrantRequest(id, ttl + longer));
    return { id, granted: performance.now(), keys: 0 };
  }

  return {
    async lasting(ttl) {
      // One that is short would end too early for those who come later.
      if (ttl <= 60) return (await grant(ttl)).id;
      const known = await leases.get(ttl);
      if (known && performance.now() - known.granted < reuseMilliseconds && known.keys < mostKeys) {
        known.keys++;
        return known.id;
      }
      const granting = grant(ttl);
      leases.set(ttl, granting);
      granting.catch(() => leases.delete(ttl));
      return (await granting).id;
    },
  };
}
