import type { Family } from '../../api/address.ts';
import type { Row } from '../model/model.ts';
import { servicePortKey } from '../model/serviceport.ts';
import { createRulesBuilder } from './builder.ts';
import type { RuleContext } from './context.ts';
import { normalRule } from './normal.ts';

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

/** The chain whose absence tells that somebody flushed the tables. */
export const canaryChain = 'KUBE-PROXY-CANARY';

/**
 * The rules of a node for these rows, as kube-proxy writes them, Services in the order of their names. Pure: the
 * same rows and context give the same rules. Upstream: `syncProxyRules` in `pkg/proxy/iptables/proxier.go`.
 */
export function buildRules(rows: Iterable<Row>, context: RuleContext): RuleSet {
  const builder = createRulesBuilder(context);
  builder.update(new Map([...rows].map((row) => [servicePortKey(row.port), row])));
  return builder.rules;
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
