import type { Client } from '../api/client.ts';
import { startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';

/** The ranges that ClusterIPs are taken from. */
export interface ServiceCIDRs {
  /** In order; empty as long as none is known. */
  current(): readonly string[];
  /** Resolves once they are known, or cannot be: an API before 1.33 need not have them. */
  readonly asked: Promise<void>;
}

/** Follows the ServiceCIDR objects of networking.k8s.io/v1. */
export function followServiceCIDRs(
  client: Client,
  { signal, onChange }: { signal: AbortSignal; onChange: () => void },
): ServiceCIDRs {
  const { promise, resolve } = Promise.withResolvers<void>();
  // What an old API answers with is no news every time it is asked.
  const { store, synced } = startInformer(client, resources.servicecidrs, {
    signal,
    onChange,
    onError: () => resolve(),
  });
  void synced.then(resolve);
  return {
    current: () => [...store.values()].flatMap(({ spec }) => spec?.cidrs ?? []).sort(),
    asked: promise,
  };
}
