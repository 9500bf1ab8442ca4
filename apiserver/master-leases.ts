import { setTimeout as delay } from 'node:timers/promises';
import { putEndpoints } from './endpoints.ts';
import type { Registry } from './registry/registry.ts';
import { masterLeases } from './storage/keys.ts';
import type { Storage } from './storage/storage.ts';

/** Seconds. Upstream: `DefaultEndpointReconcilerTTL`. */
const life = 15;
/** Upstream: `DefaultEndpointReconcilerInterval`. */
const everyMilliseconds = 10_000;

/**
 * Keeps the endpoints of the Service `kubernetes` to the apiservers that live: each holds a key in the database
 * that goes with it, and all look at these keys, at every change and now and then. Resolves when this one is
 * among the endpoints; ends with `signal`. Upstream: `pkg/controlplane/reconcilers/lease.go`.
 *
 * @returns what is to be called before the storage is closed: it takes this apiserver off the list
 */
export async function startMasterLeases(
  options: {
    storage: Storage;
    registry: Registry;
    advertise: { host: string; port: number };
    onError(error: unknown): void;
  },
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { storage, registry, advertise, onError } = options;
  const own = masterLeases + advertise.host;

  async function renew(): Promise<void> {
    for (;;) {
      const { values } = await storage.range(own);
      const held = values.find(({ key }) => key === own);
      const { ok } = await storage.put(own, leaseOf(advertise.host), held?.revision ?? 0, { ttl: life });
      if (ok) return;
    }
  }

  let again = false;
  let running: Promise<void> | undefined;

  async function reconcile(): Promise<void> {
    do {
      again = false;
      const { values } = await storage.range(masterLeases);
      const hosts = values.map(({ key }) => key.slice(masterLeases.length)).sort();
      // All gone means that this one could not renew its own, not that nobody serves.
      if (hosts.length > 0) await putEndpoints(registry, hosts, advertise.port);
    } while (again && !signal.aborted);
  }

  /** One at a time; what changes meanwhile is looked at afterwards. */
  function settle(): Promise<void> {
    again = true;
    running ??= reconcile().finally(() => {
      running = undefined;
    });
    return running;
  }

  const report = (error: unknown) => {
    if (!signal.aborted) onError(error);
  };

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      await delay(everyMilliseconds, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await renew().then(settle).catch(report);
    }
  }

  const { revision } = await storage.range(masterLeases);
  await renew();
  const stop = await storage.watch(masterLeases, revision, (changes) => {
    // Renewals change nothing: only who comes and who goes.
    const isNews = changes.some(({ key, value }) => !value || key !== own);
    if (isNews && !signal.aborted) void settle().catch(report);
  });
  await settle();
  void keep();

  return async () => {
    stop();
    await running?.catch(() => undefined);
    const { values } = await storage.range(own);
    const held = values.find(({ key }) => key === own);
    if (held) await storage.delete(own, held.revision);
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
