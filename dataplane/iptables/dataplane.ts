import type { Family } from '../../api/address.ts';
import {
  chainExists,
  iptablesRestore,
  iptablesSave,
  RestoreError,
  writesToNftables,
} from '../../kernel/iptables.ts';
import { createRestorer } from '../../kernel/iptables-restorer.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import { foundText } from '../found.ts';
import { createRulesBuilder, type RuleChanges, type RulesBuilder } from './builder.ts';
import { largeClusterEndpoints, type RuleContext, ruleContext } from './context.ts';
import { type Difference, difference, differenceOf, removal, type Standing, smallCommit } from './diff.ts';
import { foundIn } from './found.ts';
import { createHeldChains } from './held.ts';
import { parseSaved, type Saved } from './parse.ts';
import { removalOfOtherReleases } from './releases.ts';
import { buildRules, canaryChain, type RuleSet } from './rules.ts';
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
  /** What it has by our own writes or as `verify` found it; undefined when that is not known. */
  let standing: Standing | undefined;
  let current: { key: string; context: RuleContext; builder: RulesBuilder } | undefined;
  /** Bytes of one commit at most: all of a table, unless this kernel has refused that. */
  let commitSize = Number.POSITIVE_INFINITY;

  const restorer = createRestorer(kernel, family);
  const held = createHeldChains();

  async function adopt(): Promise<void> {
    standing = undefined;
    saved = parseSaved(await iptablesSave(kernel, family));
  }

  /** Brings the rules up to a state. No changes where they have nothing to do with those of the last sync. */
  function update({ rows, node, changed }: ProxyState): { builder: RulesBuilder; changes?: RuleChanges } {
    const nodeKey = JSON.stringify(node);
    if (current?.key === nodeKey) {
      const changes = current.builder.update(rows, changed);
      if (current.builder.endpoints > largeClusterEndpoints === current.context.large)
        return { builder: current.builder, changes };
      // Its rules have gone on; what the kernel has is read again, and then nearly all of it is rewritten.
      standing = undefined;
    }
    let endpoints = 0;
    for (const row of rows.values()) endpoints += row.endpoints.length;
    const context = ruleContext(configuration, node, family, { endpoints, emulatedVersion });
    const builder = createRulesBuilder(context);
    builder.update(rows);
    current = { key: nodeKey, context, builder };
    return { builder };
  }

  /** In commits of a size that is right for the batch. */
  async function fitting(compare: (commitSize: number) => Difference): Promise<Difference> {
    const batch = compare(commitSize);
    if (commitSize <= smallCommit || batch.text.length < longCommit) return batch;
    return (await writesToNftables(kernel, family)) ? compare(smallCommit) : batch;
  }

  async function write({ builder: { rules }, changes }: ReturnType<typeof update>): Promise<SyncResult> {
    if (!standing && !saved) await adopt();
    const [known, read = new Map()] = [standing, saved];
    const from = known ?? standingOf(read, rules);
    // Until the kernel has said yes, nothing is known of it.
    standing = undefined;
    saved = undefined;
    const batch = await fitting((size) =>
      changes && from === rules ? differenceOf(changes, rules, size) : difference(from, rules, size),
    );
    // Once what is wanted stands.
    const others = !known && current ? removalOfOtherReleases(read, rules, current.context) : '';
    const text = held.spare(batch.text + others);
    if (text) await restorer.restore(text);
    standing = rules;
    return { ...batch, text };
  }

  return {
    family,
    adopt,
    async sync(state) {
      const updated = update(state);
      for (;;)
        try {
          return await write(updated);
        } catch (error) {
          held.learn(error);
          if (!(error instanceof RestoreError && error.tooLong) || commitSize < smallestCommit) throw error;
          commitSize = Math.min(smallCommit, commitSize / 2);
        }
    },
    async verify() {
      if (!current) return undefined;
      const wanted = current.builder.rules;
      // Reading a hundred thousand rules every half minute would cost more than it finds. After a failure it is due anyway.
      if (current.context.large && standing) {
        if (await chainExists(kernel, family, 'nat', witnessOf(wanted))) return undefined;
        standing = undefined;
        return flushed;
      }
      const now = parseSaved(await iptablesSave(kernel, family));
      if (held.names.size > 0) held.look(now);
      const found = standingOf(now, wanted);
      const text = foundText(foundIn(found, wanted, held.names));
      if (!text) return undefined;
      standing = found;
      return now.get('nat')?.has(witnessOf(wanted)) ? text : flushed;
    },
    async cleanup() {
      const now = parseSaved(await iptablesSave(kernel, family));
      const rules = current?.builder.rules ?? buildRules([], empty);
      let batch = removal(now, rules, smallCommit);
      if (batch.length > longCommit && !(await writesToNftables(kernel, family))) batch = removal(now, rules);
      batch += removalOfOtherReleases(now, rules, empty);
      if (batch) await iptablesRestore(kernel, family, batch);
      standing = undefined;
      saved = undefined;
    },
    ruleCounts() {
      const count = (name: 'filter' | 'nat') => {
        const table = current?.builder.rules[name];
        let sum = table?.hooks.length ?? 0;
        for (const rules of table?.chains.values() ?? []) sum += rules.length;
        return sum;
      };
      return { filter: count('filter'), nat: count('nat') };
    },
  };
}

/**
 * Text above which the nft tools get several commits even where one could be had: what they do to a commit
 * grows with the square of its rules, and 75,000 take them fourteen seconds instead of one. The legacy tools
 * write a table whole, so that for them each commit costs as much as all.
 */
const longCommit = 200_000;
/** Bytes of a commit that every kernel takes. */
const smallestCommit = 10_000;
const flushed = 'the tables were flushed';
const nobody = { name: '', labels: {}, ips: [], podCIDRs: [], localAddresses: [] };

/** The chain that is looked for; releases without a canary have others that always stand. */
function witnessOf({ nat }: RuleSet): string {
  return nat.chains.has(canaryChain) ? canaryChain : 'KUBE-MARK-MASQ';
}
