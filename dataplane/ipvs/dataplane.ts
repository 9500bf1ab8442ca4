import { ipBatch } from '../../kernel/ip.ts';
import { ipsetRestore } from '../../kernel/ipset.ts';
import { iptablesRestore, RestoreError } from '../../kernel/iptables.ts';
import { ipvsConnections, ipvsRestore } from '../../kernel/ipvs.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import { removal, smallCommit } from '../iptables/diff.ts';
import { standingOf } from '../iptables/standing.ts';
import type { Family } from '../model/address.ts';
import { dummyDevice, type IpvsContext, ipvsContext } from './context.ts';
import { prepareIpvs } from './parameters.ts';
import { type KnownState, type Plan, planOf, planText } from './plan.ts';
import { type Draining, deleteReal, withDraining } from './servers.ts';
import { setIds, setName } from './sets.ts';
import { nobody, onlyIptables, onlyIpvs, withHooksOfIptables, withoutServiceChains } from './shared.ts';
import { everRan, type IpvsStanding, readAddresses, readStanding, readWhatThereIs } from './standing.ts';
import { type IpvsState, ipvsState, type PartCache } from './state.ts';

export interface IpvsOptions {
  readonly kernel: Kernel;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
  /** `1.33`; with an older release node ports answer on loopback and Service addresses answer ping. */
  readonly emulatedVersion?: string | undefined;
}

/**
 * The IPVS mode of kube-proxy for one address family. At most one batch for each of `ipset`,
 * `iptables-restore`, `ipvsadm` and `ip` a sync. Sets come first, rules that look into them next, addresses
 * last, so that no packet meets half a Service.
 */
export function createIpvsDataplane({
  kernel,
  family,
  configuration,
  emulatedVersion,
}: IpvsOptions): Dataplane {
  /** What the kernel had when it was last read; consumed by the next sync. */
  let read: IpvsStanding | undefined;
  /** What it has by our own writes; undefined when that is not known. */
  let known: KnownState | undefined;
  let wanted: IpvsState | undefined;
  let draining: readonly Draining[] = [];
  let prepared = false;
  let commitSize = Number.POSITIVE_INFINITY;
  let cache: PartCache = new WeakMap();
  let context: { key: string; value: IpvsContext } | undefined;

  async function adopt(): Promise<void> {
    known = undefined;
    read = await readStanding(kernel, family);
    // After the first use of IPVS, which loads its module: without it there are no parameters.
    if (!prepared) await prepareIpvs(kernel, configuration);
    prepared = true;
  }

  function contextFor({ node }: ProxyState): IpvsContext {
    const key = JSON.stringify(node);
    if (context?.key !== key) {
      context = { key, value: ipvsContext(configuration, node, family, emulatedVersion) };
      cache = new WeakMap();
    }
    return context.value;
  }

  const plan = (from: KnownState, state: IpvsState): Plan =>
    planOf(from, state, { family, excludeCIDRs: configuration.ipvs.excludeCIDRs, commitSize });

  async function write(state: IpvsState): Promise<SyncResult> {
    if (!known && !read) await adopt();
    const found = read;
    const batch = plan(known ?? knownFrom(found ?? nothing, state), state);
    // Until the kernel has said yes, nothing is known of it.
    known = undefined;
    read = undefined;
    if (batch.sets) await ipsetRestore(kernel, batch.sets);
    if (batch.rules) await iptablesRestore(kernel, family, batch.rules);
    if (batch.servers) await ipvsRestore(kernel, batch.servers);
    await ipBatch(kernel, batch.addresses);
    const rest = found ? removal(found.saved, onlyIptables(state.rules, configuration), smallCommit) : '';
    if (rest) await iptablesRestore(kernel, family, rest);
    wanted = state;
    draining = batch.draining;
    known = knownOf(state);
    await reap();
    const { created, changed, deleted } = batch;
    return { text: planText(batch) + rest, created, changed, deleted };
  }

  const knownOf = (state: IpvsState): KnownState => ({
    ...state,
    servers: withDraining(state.servers, draining),
  });

  /** Deletes the real servers that nobody is connected to any more. */
  async function reap(): Promise<void> {
    if (draining.length === 0 || !wanted) return;
    const counts = await ipvsConnections(kernel, [...new Set(draining.map(([key]) => key))]);
    const idle = draining.filter(([key, real]) => !counts.get(`${key} ${real}`));
    if (idle.length === 0) return;
    const listed = idle.filter(([key, real]) => counts.has(`${key} ${real}`));
    draining = draining.filter((one) => !idle.includes(one));
    if (listed.length > 0)
      await ipvsRestore(kernel, `${listed.map(([key, real]) => deleteReal(key, real)).join('\n')}\n`);
    if (known) known = knownOf(wanted);
  }

  return {
    family,
    adopt,
    async sync(state) {
      const next = ipvsState(state.rows.values(), contextFor(state), cache);
      try {
        return await write(next);
      } catch (error) {
        if (!(error instanceof RestoreError && error.tooLong) || commitSize === smallCommit) throw error;
        commitSize = smallCommit;
        return write(next);
      }
    },
    async verify() {
      if (!wanted) return undefined;
      const found = await readStanding(kernel, family);
      const batch = plan(knownFrom(found, wanted), wanted);
      const difference = describe(batch);
      if (difference) {
        known = undefined;
        read = found;
        return difference;
      }
      await reap();
      return undefined;
    },
    async cleanup(keep) {
      if (!wanted && !(await everRan(kernel, family))) return;
      const found = await readWhatThereIs(kernel, family);
      const rules =
        wanted?.rules ?? ipvsState([], ipvsContext(configuration, nobody, family, emulatedVersion)).rules;
      const ours = (keep === 'iptables' ? onlyIpvs : withHooksOfIptables)(rules, configuration);
      const batch = removal(withoutServiceChains(found.saved), ours, smallCommit);
      if (batch) await iptablesRestore(kernel, family, batch);
      await removeServers(found);
      const sets = setIds.map((id) => setName(id, family)).filter((name) => found.sets.has(name));
      if (sets.length > 0) await ipsetRestore(kernel, sets.map((name) => `destroy ${name}\n`).join(''));
      known = undefined;
      read = undefined;
      wanted = undefined;
      draining = [];
    },
  };

  /** Upstream flushes IPVS whole; what is not ours, or the other family's, stays here. */
  async function removeServers({ servers, addresses, sets }: IpvsStanding): Promise<void> {
    const state = { ...ipvsState([], ipvsContext(configuration, nobody, family)), sets };
    const batch = plan({ servers, addresses, sets, rules: state.rules }, state);
    if (batch.servers) await ipvsRestore(kernel, batch.servers);
    if (addresses) await removeDevice(batch.addresses);
  }

  /** The device goes with the last family's addresses. */
  async function removeDevice(lines: readonly string[]): Promise<void> {
    await ipBatch(kernel, lines);
    const others = await readAddresses(kernel, family === 'IPv4' ? 'IPv6' : 'IPv4');
    if (!others?.size) await ipBatch(kernel, [`link del ${dummyDevice}`]);
  }
}

const nothing: IpvsStanding = {
  servers: new Map(),
  addresses: undefined,
  sets: new Map(),
  saved: new Map(),
};

function knownFrom(found: IpvsStanding, state: IpvsState): KnownState {
  // Chains of Services are iptables mode's: they go with what leads to them.
  return { ...found, rules: standingOf(withoutServiceChains(found.saved), state.rules) };
}

/** Undefined when a plan writes nothing. */
function describe({ created, changed, deleted, addresses, sets, rules }: Plan): string | undefined {
  const count = (lines: string | readonly string[]) =>
    (typeof lines === 'string' ? lines.split('\n').filter(Boolean) : lines).length;
  const parts = [
    created ? `${created} virtual servers missing` : '',
    changed ? `${changed} virtual servers changed` : '',
    deleted ? `${deleted} virtual servers not ours to have` : '',
    addresses[0]?.startsWith('link add') ? `${dummyDevice} is gone` : '',
    count(addresses) ? `${count(addresses)} addresses of ${dummyDevice} differ` : '',
    count(sets) ? `${count(sets)} entries of sets differ` : '',
    rules ? 'iptables rules differ' : '',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(', ') : undefined;
}
