import { isServiceChain } from './names.ts';
import { canonicalRule, type Saved } from './parse.ts';
import type { Hook, RuleSet, TableName } from './rules.ts';

/** What is believed to stand in the kernel: our chains of each table, and which hooks are in place. */
export type Standing = { readonly [name in TableName]: StandingTable };

export interface StandingTable {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly hooks: readonly Hook[];
}

/** A batch for `iptables-restore --noflush`, and what it does. */
export interface Difference {
  /** Empty when nothing differs. */
  readonly text: string;
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
}

export const nothingStands: Standing = {
  mangle: { chains: new Map(), hooks: [] },
  filter: { chains: new Map(), hooks: [] },
  nat: { chains: new Map(), hooks: [] },
};

const tableNames: readonly TableName[] = ['mangle', 'filter', 'nat'];

/** A chain up to this share of whose rules change is edited in place, so that the others keep their counters. */
const editShare = 0.5;

/**
 * The commands that turn what stands into what is wanted, touching only chains that differ. New chains
 * are filled before anything leads to them, and stale ones go after nothing does: one commit a table.
 */
export function difference(standing: Standing, wanted: RuleSet): Difference {
  const sum = { created: 0, changed: 0, deleted: 0 };
  const text = tableNames.map((name) => tableDifference(name, standing[name], wanted[name], sum)).join('');
  return { text, ...sum };
}

/** Whether a chain of the kernel's is ours to write or delete. */
export function isOurs(chain: string, wanted: RuleSet[TableName]): boolean {
  return isServiceChain(chain) || wanted.chains.has(chain);
}

function tableDifference(
  name: TableName,
  standing: StandingTable,
  wanted: RuleSet[TableName],
  sum: { created: number; changed: number; deleted: number },
): string {
  const heads: string[] = [];
  const rules: string[] = [];
  for (const [chain, want] of wanted.chains) {
    const have = standing.chains.get(chain);
    if (have === want || (have && sameLines(have, want))) continue;
    const edits = have && editsOf(chain, have, want);
    if (have) sum.changed++;
    else sum.created++;
    if (edits) rules.push(...edits);
    else {
      heads.push(`:${chain} - [0:0]`);
      for (const rule of want) rules.push(`-A ${chain} ${rule}`);
    }
  }
  // Prepended one by one, so the last of a chain comes first.
  for (const { chain, rule } of missingHooks(standing, wanted).reverse()) rules.push(`-I ${chain} 1 ${rule}`);
  for (const chain of standing.chains.keys()) {
    if (wanted.chains.has(chain) || !isServiceChain(chain)) continue;
    heads.push(`:${chain} - [0:0]`);
    rules.push(`-X ${chain}`);
    sum.deleted++;
  }
  if (heads.length === 0 && rules.length === 0) return '';
  return `*${name}\n${[...heads, ...rules].join('\n')}\nCOMMIT\n`;
}

function missingHooks(standing: StandingTable, wanted: RuleSet[TableName]): Hook[] {
  return wanted.hooks.filter(
    (hook) => !standing.hooks.some((one) => one.chain === hook.chain && one.rule === hook.rule),
  );
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}

/** Deletions and insertions by number for the one stretch that differs; undefined when rewriting is cheaper. */
function editsOf(chain: string, have: readonly string[], want: readonly string[]): string[] | undefined {
  let start = 0;
  while (start < have.length && start < want.length && have[start] === want[start]) start++;
  let end = 0;
  while (
    end < have.length - start &&
    end < want.length - start &&
    have[have.length - 1 - end] === want[want.length - 1 - end]
  )
    end++;
  const gone = have.length - end - start;
  const fresh = want.slice(start, want.length - end);
  if (gone + fresh.length > editShare * want.length) return undefined;
  return [
    ...Array.from({ length: gone }, () => `-D ${chain} ${start + 1}`),
    ...fresh.map((rule, i) => `-I ${chain} ${start + i + 1} ${rule}`),
  ];
}

/**
 * The batch that takes all of ours out: hooks first, then the chains. KUBE-FIREWALL stays, it is the
 * kubelet's too (upstream: `CleanupLeftovers`). Empty when there is nothing.
 */
export function removal(saved: Saved, rules: RuleSet): string {
  return tableNames.map((name) => tableRemoval(name, saved.get(name) ?? new Map(), rules[name])).join('');
}

function tableRemoval(
  name: TableName,
  found: ReadonlyMap<string, readonly string[]>,
  table: RuleSet[TableName],
): string {
  const lines: string[] = [];
  for (const { chain, rule } of table.hooks) {
    const key = canonicalRule(rule);
    const stands = found.get(chain)?.some((one) => canonicalRule(one) === key);
    if (stands && !rule.endsWith(' KUBE-FIREWALL')) lines.push(`-D ${chain} ${rule}`);
  }
  const chains = [...found.keys()].filter((chain) => isOurs(chain, table) && chain !== 'KUBE-FIREWALL');
  if (chains.length === 0 && lines.length === 0) return '';
  const heads = chains.map((chain) => `:${chain} - [0:0]`);
  return `*${name}\n${[...heads, ...lines, ...chains.map((chain) => `-X ${chain}`)].join('\n')}\nCOMMIT\n`;
}
