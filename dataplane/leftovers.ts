import { iptablesToolSets, withIptablesTools } from '../kernel/iptables-tools.ts';
import type { Kernel } from '../kernel/run.ts';
import type { ProxyConfiguration, ProxyMode } from './configuration.ts';
import { availableModes, loadMode } from './modes.ts';
import type { ChosenTools } from './tools.ts';

/** What keeps one mode's rules from going is told; the others go all the same. */
export type Complain = (what: string) => (error: unknown) => void;

interface Leftovers {
  readonly kernel: Kernel;
  readonly configuration: ProxyConfiguration;
  readonly complain: Complain;
}

/**
 * Takes out what `others`, modes too, and this one through the other iptables tools, have left in the kernel.
 * Call it when `mode` itself stands, so that no packet finds neither. In ipvs mode iptables' rules stay: both share
 * their chains, and ipvs mode writes them. Resolves to the modes that established connections still need something
 * of: call it again for these.
 */
export async function removeLeftovers(
  mode: ProxyMode,
  {
    tools,
    others,
    ...rest
  }: Leftovers & { readonly tools: ChosenTools; readonly others: readonly ProxyMode[] },
): Promise<ProxyMode[]> {
  const inUse: ProxyMode[] = [];
  for (const other of inOrder(others))
    if (other !== mode && !(mode === 'ipvs' && other === 'iptables') && (await remove(other, rest, mode)))
      inUse.push(other);
  const mixed = await tools.other().catch(rest.complain('choice of iptables tools'));
  if (mode === 'iptables' && mixed) await removeWith(mode, { ...rest, kernel: mixed });
  return inUse;
}

/** Takes out the rules of every mode, of both iptables tool sets: `kube-proxy --cleanup`. */
export async function removeAllModes(leftovers: Leftovers): Promise<void> {
  for (const mode of inOrder(availableModes)) await remove(mode, leftovers);
}

/** Ipvs mode's jumps lead to chains that iptables mode has too: until they are gone those cannot go. */
function inOrder(modes: readonly ProxyMode[]): ProxyMode[] {
  return [...modes].sort((a, b) => Number(b === 'ipvs') - Number(a === 'ipvs'));
}

/** Whether something of the mode is still in use, and therefore there. */
async function remove(mode: ProxyMode, leftovers: Leftovers, keep?: ProxyMode): Promise<boolean> {
  const sets = mode === 'nftables' ? [undefined] : await iptablesToolSets(leftovers.kernel);
  let inUse = false;
  for (const tools of sets) {
    const kernel = withIptablesTools(leftovers.kernel, tools);
    inUse = (await removeWith(mode, { ...leftovers, kernel }, keep)) || inUse;
  }
  return inUse;
}

async function removeWith(
  mode: ProxyMode,
  { kernel, configuration, complain }: Leftovers,
  keep?: ProxyMode,
): Promise<boolean> {
  const create = await loadMode(mode);
  let inUse = false;
  for (const family of ['IPv4', 'IPv6'] as const) {
    const dataplane = create({ kernel, family, configuration });
    await dataplane.cleanup(keep).catch(complain(`leftovers of mode ${mode}, ${family}`));
    inUse ||= dataplane.inUse?.() ?? false;
  }
  return inUse;
}
