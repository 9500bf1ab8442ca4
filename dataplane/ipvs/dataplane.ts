import type { Family } from '../../api/address.ts';
import { ipBatch } from '../../kernel/ip.ts';
import { IpsetError, ipsetRestore } from '../../kernel/ipset.ts';
import { iptablesRestore, RestoreError } from '../../kernel/iptables.ts';
import { ipvsConnections, ipvsRestore } from '../../kernel/ipvs.ts';
import { createIpvsTools } from '../../kernel/ipvs-tools.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import { listed } from '../found.ts';
import { removal, smallCommit } from '../iptables/diff.ts';
import type { RuleSet } from '../iptables/rules.ts';
import { type IpvsChanges, type StateBuilder, stateBuilder } from './builder.ts';
import { dummyDevice, ipvsContext, isClassic } from './context.ts';
import { prepareIpvs } from './parameters.ts';
import { isForeign, type Plan, type PlanOptions, planFrom, planOf, planText } from './plan.ts';
import { notOfThese, rulesOfAnyRelease } from './releases.ts';
import { addressOf, type Draining, deleteReal, type Servers } from './servers.ts';
import { setsLeft } from './sets.ts';
import { nobody, onlyIpvs, withHooksOfIptables, withoutServiceChains } from './shared.ts';
import { type IpvsStanding, readLeftovers, readStanding } from './standing.ts';

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
  /** The rules it has by our own writes; undefined when that, or anything else, is not known. */
  let known: RuleSet | undefined;
  let builder: { key: string; value: StateBuilder } | undefined;
  let draining: readonly Draining[] = [];
  let prepared = false;
  let inUse = false;
  let options: PlanOptions = {
    family,
    excludeCIDRs: configuration.ipvs.excludeCIDRs,
    commitSize: Number.POSITIVE_INFINITY,
    broadcast: isClassic(emulatedVersion),
  };

  const tools = createIpvsTools(kernel);

  async function adopt(): Promise<void> {
    known = undefined;
    read = await readStanding(kernel, family);
    // After the first use of IPVS, which loads its module: without it there are no parameters.
    if (!prepared) await prepareIpvs(kernel, configuration, emulatedVersion);
    prepared = true;
  }

  /** The same one as long as nothing of the node changed that the state depends on. */
  function builderFor({ node }: ProxyState): StateBuilder {
    const context = ipvsContext(configuration, node, family, emulatedVersion);
    const key = JSON.stringify([
      context.topology,
      context.nodePortIps,
      [...context.ownIps],
      node.ips,
      node.podCIDRs,
    ]);
    if (builder?.key !== key) {
      builder = { key, value: stateBuilder(context) };
      // What it was built from is not this builder's to compare with.
      known = undefined;
    }
    return builder.value;
  }

  async function write({ state }: StateBuilder, changes: IpvsChanges): Promise<SyncResult> {
    if (!known && !read) await adopt();
    const found = read;
    const batch = known
      ? planOf(changes, { draining, rules: known, wanted: state.rules }, options)
      : planFrom(found ?? nothing, state, options);
    // Until the kernel has said yes, nothing is known of it.
    known = undefined;
    read = undefined;
    const rest = found ? restOf(found, state.rules) : '';
    const writeRules = async () => {
      if (batch.rules) await iptablesRestore(kernel, family, batch.rules);
    };
    if (batch.sets) await tools.sets(batch.sets);
    // Those of iptables mode send packets on before they reach a server, and have to until the servers stand.
    if (!rest) await writeRules();
    if (batch.servers) await tools.servers(batch.servers);
    await tools.addresses(batch.addresses);
    if (rest) {
      await writeRules();
      await iptablesRestore(kernel, family, rest);
    }
    if (found) await destroySets(setsLeft(found.sets, state.sets, family));
    draining = batch.draining;
    await reap();
    known = state.rules;
    const { created, changed, deleted } = batch;
    return { text: planText(batch) + rest, created, changed, deleted };
  }

  /** The batch that takes out what iptables mode, or another release, has left. */
  function restOf({ saved }: IpvsStanding, rules: RuleSet): string {
    const others = notOfThese(rules, ipvsContext(configuration, nobody, family), configuration);
    return removal(saved, others, smallCommit);
  }

  /** Deletes the real servers that nobody is connected to any more. */
  async function reap(): Promise<void> {
    if (draining.length === 0) return;
    const counts = await tools.connections([...new Set(draining.map(([key]) => key))]);
    const busy = draining.filter(([key, real]) => counts.get(`${key} ${real}`));
    const idle = draining.filter(([key, real]) => counts.get(`${key} ${real}`) === 0);
    if (idle.length > 0)
      await tools.servers(`${idle.map(([key, real]) => deleteReal(key, real)).join('\n')}\n`);
    draining = busy;
  }

  return {
    family,
    adopt,
    async sync(state) {
      const before = builder;
      const current = builderFor(state);
      const changes = current.update(state.rows, builder === before ? state.changed : undefined);
      try {
        return await write(current, changes);
      } catch (error) {
        if (!(error instanceof RestoreError && error.tooLong) || options.commitSize === smallCommit)
          throw error;
        options = { ...options, commitSize: smallCommit };
        return write(current, changes);
      }
    },
    async verify() {
      if (!builder) return undefined;
      const found = await readStanding(kernel, family);
      const difference = describe(planFrom(found, builder.value.state, options));
      if (difference) {
        known = undefined;
        read = found;
        return difference;
      }
      await reap();
      return undefined;
    },
    async cleanup(keep) {
      known = undefined;
      read = undefined;
      builder = undefined;
      draining = [];
      const found = await readLeftovers(kernel, family);
      inUse = false;
      if (!found) return;
      const context = ipvsContext(configuration, nobody, family);
      const empty = stateBuilder(context).state;
      // Connections are IPVS's own, and end with their server or address: unlike those of the other modes.
      const busy: Servers = keep ? await connectedServers(found.servers) : new Map();
      inUse = busy.size > 0;
      const ours = (keep === 'iptables' ? onlyIpvs : withHooksOfIptables)(
        rulesOfAnyRelease(context),
        configuration,
      );
      const batch = removal(withoutServiceChains(found.saved), ours, smallCommit);
      if (batch) await iptablesRestore(kernel, family, batch);
      // Upstream flushes IPVS whole; what is not ours, or the other family's, stays here.
      const used = [...busy.keys()].map(addressOf).filter((ip) => found.addresses?.has(ip));
      const left = { ...empty, servers: busy, addresses: new Map(used.map((ip) => [ip, 1])) };
      const { servers, addresses } = planFrom(found, left, options);
      if (servers) await ipvsRestore(kernel, servers);
      // The device goes with the last family's addresses.
      const device = found.shared || inUse ? addresses : [`link del ${dummyDevice}`];
      if (found.addresses) await ipBatch(kernel, device);
      await destroySets(setsLeft(found.sets, new Map(), family));
    },
    inUse: () => inUse,
  };

  async function connectedServers(servers: Servers): Promise<Servers> {
    const foreign = isForeign(options);
    const ours = [...servers].filter(([key]) => !foreign(key));
    const counts = await ipvsConnections(
      kernel,
      ours.map(([key]) => key),
    );
    return new Map(
      ours.filter(([key, { reals }]) => [...reals.keys()].some((real) => counts.get(`${key} ${real}`))),
    );
  }

  /** Those that rules of the other iptables tools look into stay; cleaning up with those tools takes them out. */
  async function destroySets(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    try {
      await ipsetRestore(kernel, `${lines.join('\n')}\n`);
    } catch (error) {
      if (!(error instanceof IpsetError && /in use by a kernel component/.test(error.message))) throw error;
    }
  }
}

const nothing: IpvsStanding = {
  servers: new Map(),
  addresses: undefined,
  shared: false,
  sets: new Map(),
  saved: new Map(),
};

/** Undefined when a plan writes nothing. */
function describe({ created, changed, deleted, addresses, sets, servers, rules }: Plan): string | undefined {
  const lines = (text: string) => text.split('\n').filter(Boolean);
  const served = lines(servers).map((line) => line.split(' '));
  const keysOf = (verbs: RegExp) =>
    served.filter(([verb = '']) => verbs.test(verb)).map(([, option, address]) => `${option} ${address}`);
  const came = new Set(keysOf(/^-A$/));
  const edited = [...new Set(keysOf(/^-[Eade]$/))].filter((key) => !came.has(key));
  const bound = addresses.flatMap((line) => /^address \w+ ([^/]+)/.exec(line)?.[1] ?? []);
  const entries = lines(sets).map((line) =>
    line
      .split(' ')
      .slice(1, line.startsWith('create ') ? 2 : 3)
      .join(' '),
  );
  const parts = [
    created ? `${created} virtual servers missing (${listed([...came])})` : '',
    changed ? `${changed} virtual servers changed (${listed(edited)})` : '',
    deleted ? `${deleted} virtual servers not ours to have (${listed(keysOf(/^-D$/))})` : '',
    addresses[0]?.startsWith('link add') ? `${dummyDevice} is gone` : '',
    bound.length > 0 ? `${bound.length} addresses of ${dummyDevice} differ (${listed(bound)})` : '',
    entries.length > 0 ? `${entries.length} entries of sets differ (${listed(entries)})` : '',
    rules ? 'iptables rules differ' : '',
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(', ') : undefined;
}
