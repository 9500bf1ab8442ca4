import type { Family } from '../api/address.ts';
import type { Kernel } from '../kernel/run.ts';
import type { ProxyConfiguration, ProxyMode } from './configuration.ts';
import type { Dataplane } from './dataplane.ts';

export interface BackendOptions {
  readonly kernel: Kernel;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
  /** The release whose rules are written, of `emulatedVersions`; default the newest. nftables came later than all the others. */
  readonly emulatedVersion?: string | undefined;
}

/** Makes the dataplane of one address family; must not touch the kernel yet. */
export type CreateDataplane = (options: BackendOptions) => Dataplane;

/** Proxy mode → its way into the kernel. A mode is loaded only when it is asked for. */
const modes: { readonly [mode in ProxyMode]?: () => Promise<CreateDataplane> } = {
  iptables: async () => (await import('./iptables/dataplane.ts')).createIptablesDataplane,
  ipvs: async () => (await import('./ipvs/dataplane.ts')).createIpvsDataplane,
  nftables: async () => (await import('./nftables/dataplane.ts')).createNftablesDataplane,
};

/** The proxy modes that can be asked for, in kube-proxy's order. */
export const availableModes = Object.keys(modes) as ProxyMode[];

/** A proxy mode that does not exist here. */
export class ProxyModeError extends Error {
  constructor(mode: string) {
    super(`unknown proxy mode ${JSON.stringify(mode)}; there are ${availableModes.join(', ')}`);
    this.name = 'ProxyModeError';
  }
}

/** What makes dataplanes of a mode. Throws {@link ProxyModeError}. */
export async function loadMode(mode: string): Promise<CreateDataplane> {
  const load = Object.entries(modes).find(([name]) => name === mode)?.[1];
  if (!load) throw new ProxyModeError(mode);
  return load();
}
