import { chainExists, iptablesRestore, iptablesSave } from '../../kernel/iptables.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { Dataplane, ProxyState } from '../dataplane.ts';
import type { Family } from '../model/address.ts';
import { largeClusterEndpoints, type RuleContext, ruleContext } from './context.ts';
import { difference, removal, type Standing } from './diff.ts';
import { parseSaved, type Saved } from './parse.ts';
import { buildRules, canaryChain, type RuleCache, type RuleSet } from './rules.ts';
import { standingOf } from './standing.ts';

export interface IptablesOptions {
  readonly kernel: Kernel;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
}

/** The iptables mode of kube-proxy for one address family. One `iptables-restore` a sync at most. */
export function createIptablesDataplane({ kernel, family, configuration }: IptablesOptions): Dataplane {
  /** What the kernel had when it was last read; consumed by the next sync. */
  let saved: Saved | undefined;
  /** What it has by our own writes; undefined when that is not known. */
  let standing: Standing | undefined;
  let wanted: RuleSet | undefined;
  let cache: RuleCache = new WeakMap();
  let context: { key: string; value: RuleContext } | undefined;

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
      context = { key, value: ruleContext(configuration, node, family, { endpoints }) };
      cache = new WeakMap();
    }
    return context.value;
  }

  return {
    family,
    adopt,
    async sync(state) {
      const rules = buildRules(state.rows.values(), contextFor(state), cache);
      if (!standing && !saved) await adopt();
      const from = standing ?? standingOf(saved ?? new Map(), rules);
      const batch = difference(from, rules);
      // Until the kernel has said yes, nothing is known of it.
      standing = undefined;
      saved = undefined;
      if (batch.text) await iptablesRestore(kernel, family, batch.text);
      standing = { mangle: rules.mangle, filter: rules.filter, nat: rules.nat };
      wanted = rules;
      return batch;
    },
    async verify() {
      if (!wanted) return undefined;
      const now = parseSaved(await iptablesSave(kernel, family));
      const found = standingOf(now, wanted);
      const { text, created, changed, deleted } = difference(found, wanted);
      if (!text) return undefined;
      standing = found;
      if (!now.get('nat')?.has(canaryChain)) return 'somebody flushed the tables';
      return `${created} chains missing, ${changed} changed, ${deleted} not ours to have`;
    },
    async cleanup() {
      const now = parseSaved(await iptablesSave(kernel, family));
      const rules = wanted ?? buildRules([], ruleContext(configuration, nobody, family));
      const batch = removal(now, rules);
      if (batch) await iptablesRestore(kernel, family, batch);
      standing = undefined;
      saved = undefined;
    },
  };
}

const nobody = { name: '', labels: {}, ips: [], podCIDRs: [], localAddresses: [] };

/** Whether the chain that tells of a flush stands in the nat table; cheap at any size. */
export function canaryStands(kernel: Kernel, family: Family): Promise<boolean> {
  return chainExists(kernel, family, 'nat', canaryChain);
}
