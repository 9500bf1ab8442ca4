import { setTimeout as delay } from 'node:timers/promises';
import { putEndpoints } from './endpoints.ts';
import type { Registry } from './registry/registry.ts';
import type { Cache } from './storage/cache.ts';
import { masterLeases } from './storage/keys.ts';
import type { Storage } from './storage/storage.ts';

/** Seconds. Upstream: `DefaultEndpointReconcilerTTL`. */
const life = 15;
/** Upstream: `DefaultEndpointReconcilerInterval`. */
const everyMilliseconds = 10_000;

/**
 * Keeps the endpoints of the Service `kubernetes` to the apiservers that live: each holds a key in the database
 * that goes with it, and all look at these keys now and then. Resolves when this one is among the endpoints; ends with
 * `signal`. Upstream: `pkg/controlplane/reconcilers/lease.go`.
 *
 * @returns what is to be called before the storage is closed: it takes this apiserver off the list
 */
export async function startMasterLeases(
  options: {
    storage: Storage;
    registry: Registry;
    cache: Pick<Cache, 'fresh'>;
    advertise: { host: string; port: number };
    onError(error: unknown): void;
  },
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { storage, registry, cache, advertise, onError } = options;
  const own = masterLeases + advertise.host;

  async function renew(): Promise<void> {
    for (;;) {
      const { values } = await storage.range(own);
      const held = values.find(({ key }) => key === own);
      const { ok } = await storage.put(own, leaseOf(advertise.host), held?.revision ?? 0, { ttl: life });
      if (ok) return;
    }
  }

  async function living(): Promise<string[]> {
    const { values } = await storage.range(masterLeases);
    return values.map(({ key }) => key.slice(masterLeases.length)).sort();
  }

  /** Those who start together see one another come: whoever wrote last looks once more. */
  async function reconcile(): Promise<void> {
    let hosts: string[];
    let now = await living();
    do {
      hosts = now;
      // What the others wrote is looked at, not what this one remembers.
      await cache.fresh();
      // All gone means that this one could not renew its own, not that nobody serves.
      if (hosts.length > 0) await putEndpoints(registry, hosts, advertise.port);
      now = await living();
    } while (now.join() !== hosts.join());
  }

  const report = (error: unknown) => {
    if (!signal.aborted) onError(error);
  };

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      await delay(everyMilliseconds, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      running = renew().then(reconcile).catch(report);
      await running;
    }
  }

  let running: Promise<void> | undefined;
  await renew();
  await reconcile();
  void keep();

  return async () => {
    await running;
    const { values } = await storage.range(own);
    const held = values.find(({ key }) => key === own);
    if (held) await storage.delete(own, held.revision);
    await reconcile();
  };
}

/** As upstream writes it: Endpoints of one address. */
function leaseOf(ip: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind: 'Endpoints',
      apiVersion: 'v1',
      metadata: {},
      subsets: [{ addresses: [{ ip }] }],
    }),
  );
}
