import type { Family } from '../../api/address.ts';
import { chainExists, iptablesRestore, iptablesSave, RestoreError } from '../../kernel/iptables.ts';
import { createRestorer } from '../../kernel/iptables-restorer.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import { largeClusterEndpoints, type RuleContext, ruleContext } from './context.ts';
import { difference, removal, type Standing, smallCommit } from './diff.ts';
import { parseSaved, type Saved } from './parse.ts';
import { removalOfOtherReleases } from './releases.ts';
import { buildRules, canaryChain, type RuleCache, type RuleSet } from './rules.ts';
import { standingOf } from './standing.ts';

export interface IptablesOptions {
  readonly kernel: Kernel;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
  /** The release whose rules are written: see `dialectOf`. */
  readonly emulatedVersion?: string | undefined;
}

/**
 * The iptables mode of kube-proxy for one address family. One `iptables-restore` a sync at most.
 * Throws a RangeError when the version cannot be emulated.
 */
export function createIptablesDataplane({
  kernel,
  family,
  configuration,
  emulatedVersion,
}: IptablesOptions): Dataplane {
  const empty = ruleContext(configuration, nobody, family, { emulatedVersion });
  /** What the kernel had when it was last read; consumed by the next sync. */
  let saved: Saved | undefined;
  /** What it has by our own writes; undefined when that is not known. */
  let standing: Standing | undefined;
  let wanted: RuleSet | undefined;
  /** Rules in one commit at most: all of a table, unless this kernel has refused that. */
  let commitSize = Number.POSITIVE_INFINITY;
  let cache: RuleCache = new WeakMap();
  let context: { key: string; value: RuleContext } | undefined;

  const restorer = createRestorer(kernel, family);

  async function adopt(): Promise<void> {
    standing = undefined;
    saved = parseSaved(await iptablesSave(kernel, family));
  }

  /** The same object as long as nothing in it changed, or every row's rules would be written anew. */
  function contextFor({ rows, node }: ProxyState): RuleContext {
    let endpoints = 0;
    for (const row of rows.values()) endpoints += row.endpoints.length;
    const key = JSON.stringify([node, endpoints > largeClusterEndpoints]);
    if (context?.key !== key) {
      context = { key, value: ruleContext(configuration, node, family, { endpoints, emulatedVersion }) };
      cache = new WeakMap();
    }
    return context.value;
  }

  async function write(rules: RuleSet): Promise<SyncResult> {
    if (!standing && !saved) await adopt();
    const from = standing ?? standingOf(saved ?? new Map(), rules);
    const batch = difference(from, rules, commitSize);
    // Once what is wanted stands.
    const others = saved && context ? removalOfOtherReleases(saved, rules, context.value) : '';
    const text = batch.text + others;
    // Until the kernel has said yes, nothing is known of it.
    standing = undefined;
    saved = undefined;
    if (text) await restorer.restore(text);
    standing = rules;
    wanted = rules;
    return { ...batch, text };
  }

  return {
    family,
    adopt,
    async sync(state) {
      const rules = buildRules(state.rows.values(), contextFor(state), cache);
      try {
        return await write(rules);
      } catch (error) {
        if (!(error instanceof RestoreError && error.tooLong) || commitSize === smallCommit) throw error;
        commitSize = smallCommit;
        return write(rules);
      }
    },
    async verify() {
      if (!wanted) return undefined;
      // Reading a hundred thousand rules every half minute would cost more than it finds.
      if (context?.value.large) {
        if (await chainExists(kernel, family, 'nat', witnessOf(wanted))) return undefined;
        standing = undefined;
        return flushed;
      }
      const now = parseSaved(await iptablesSave(kernel, family));
      const found = standingOf(now, wanted);
      const { text, created, changed, deleted } = difference(found, wanted);
      if (!text) return undefined;
      standing = found;
      if (!now.get('nat')?.has(witnessOf(wanted))) return flushed;
      return `${created} chains missing, ${changed} changed, ${deleted} not ours to have`;
    },
    async cleanup() {
      const now = parseSaved(await iptablesSave(kernel, family));
      const rules = wanted ?? buildRules([], empty);
      const batch = removal(now, rules, smallCommit) + removalOfOtherReleases(now, rules, empty);
      if (batch) await iptablesRestore(kernel, family, batch);
      standing = undefined;
      saved = undefined;
    },
    ruleCounts() {
      const count = (name: 'filter' | 'nat') => {
        let sum = wanted?.[name].hooks.length ?? 0;
        for (const rules of wanted?.[name].chains.values() ?? []) sum += rules.length;
        return sum;
      };
      return { filter: count('filter'), nat: count('nat') };
    },
  };
}

const flushed = 'the tables were flushed';
const nobody = { name: '', labels: {}, ips: [], podCIDRs: [], localAddresses: [] };

/** The chain that is looked for; releases without a canary have others that always stand. */
function witnessOf({ nat }: RuleSet): string {
  return nat.chains.has(canaryChain) ? canaryChain : 'KUBE-MARK-MASQ';
}
