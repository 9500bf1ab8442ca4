import type { Family } from '../../api/address.ts';
import type { Row } from '../model/model.ts';
import type { RuleContext } from './context.ts';
import { normalRule } from './normal.ts';
import type { ServiceRules } from './service.ts';

export type TableName = 'mangle' | 'filter' | 'nat';

/** A rule in one of the kernel's own chains that leads into ours. */
export interface Hook {
  readonly chain: string;
  readonly rule: string;
}

/** Rules of one table: our chains, whole, and the jumps into them. A rule is what stands after `-A CHAIN `. */
export interface Table {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** In the order they have in their chain. */
  readonly hooks: readonly Hook[];
}

/** All that a proxy in iptables mode wants in the kernel, for one address family. */
export interface RuleSet extends Readonly<Record<TableName, Table>> {
  readonly family: Family;
}

/** What the Services put into the chains that they share. */
export interface SharedLines {
  readonly natServices: readonly string[];
  readonly natNodePorts: readonly string[];
  readonly services: readonly string[];
  readonly external: readonly string[];
  readonly nodePorts: readonly string[];
  readonly firewall: readonly string[];
}

/** Remembers the rules of a row for as long as the row and the context stay the same objects. */
export type RuleCache = WeakMap<Row, ServiceRules>;

/** The chain whose absence tells that somebody flushed the tables. */
export const canaryChain = 'KUBE-PROXY-CANARY';

/**
 * The rules of a node for these rows, as kube-proxy writes them. Pure: the same rows and context
 * give the same rules. Upstream: `syncProxyRules` in `pkg/proxy/iptables/proxier.go`.
 */
export function buildRules(
  rows: Iterable<Row>,
  context: RuleContext,
  cache: RuleCache = new WeakMap(),
): RuleSet {
  const { dialect, family } = context;
  const shared = {
    natServices: [] as string[],
    natNodePorts: [] as string[],
    services: [] as string[],
    external: [] as string[],
    nodePorts: [] as string[],
    firewall: [] as string[],
  };
  const own: ReadonlyMap<string, readonly string[]>[] = [];
  for (const row of rows) {
    const rules = cache.get(row) ?? dialect.serviceRules(row, context);
    cache.set(row, rules);
    shared.natServices.push(...rules.nat.services);
    shared.natNodePorts.push(...rules.nat.nodePorts);
    shared.services.push(...rules.filter.services);
    shared.external.push(...rules.filter.external);
    shared.nodePorts.push(...rules.filter.nodePorts);
    shared.firewall.push(...rules.filter.firewall);
    own.push(rules.chains);
  }
  const { mangle, filter, nat } = dialect.overallTables(shared, context);
  const chains = new Map(nat.chains);
  for (const one of own) for (const [name, rules] of one) chains.set(name, rules);
  return { family, mangle, filter, nat: { chains, hooks: nat.hooks } };
}

const baseChains: { readonly [name in TableName]: readonly string[] } = {
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
};

/** The whole rule set in kube-proxy's own wording, as `iptables-restore` takes it. */
export function ruleSetText(rules: RuleSet, tables: readonly TableName[] = ['filter', 'nat']): string {
  return tablesText(rules, tables, {
    chains: (chains) => [...chains],
    rule: (rule) => rule,
  });
}

/**
 * The whole rule set as `iptables-save` prints it once the kernel has it: each rule in its normal form,
 * chains sorted by name. `iptables-restore` takes this as well.
 */
export function savedText(rules: RuleSet, tables: readonly TableName[] = ['filter', 'nat']): string {
  return tablesText(rules, tables, {
    chains: (chains) => [...chains].sort(([a], [b]) => (a < b ? -1 : 1)),
    rule: (rule) => normalRule(rule, rules.family),
  });
}

type Chain = readonly [name: string, rules: readonly string[]];

function tablesText(
  rules: RuleSet,
  tables: readonly TableName[],
  form: { chains(chains: Iterable<Chain>): readonly Chain[]; rule(rule: string): string },
): string {
  const lines: string[] = [];
  for (const name of tables) {
    const chains = form.chains(rules[name].chains);
    lines.push(`*${name}`);
    for (const chain of baseChains[name]) lines.push(`:${chain} ACCEPT [0:0]`);
    for (const [chain] of chains) lines.push(`:${chain} - [0:0]`);
    for (const { chain, rule } of rules[name].hooks) lines.push(`-A ${chain} ${form.rule(rule)}`);
    for (const [chain, own] of chains) for (const rule of own) lines.push(`-A ${chain} ${form.rule(rule)}`);
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}
