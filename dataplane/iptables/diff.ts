import type { Family } from '../../api/address.ts';
import type { RuleChanges } from './builder.ts';
import { commits, type Part, smallCommit } from './commits.ts';
import { editsOf, sameLines } from './edits.ts';
import { isServiceChain } from './names.ts';
import { normalRule } from './normal.ts';
import type { Saved } from './parse.ts';
import type { Hook, RuleSet, Table, TableName } from './rules.ts';

export { smallCommit };

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

/**
 * The commands that turn what stands into what is wanted, touching only chains that differ. Chains are
 * filled before anything leads to them, and stale ones go after nothing does.
 *
 * @param commitSize bytes of netlink messages in one commit at most, or a single rule. Without it a table is one commit, as it
 *   should be; see {@link smallCommit} for when that cannot be had.
 */
export function difference(
  standing: Standing,
  wanted: RuleSet,
  commitSize = Number.POSITIVE_INFINITY,
): Difference {
  return allTables(commitSize, (name, sum) =>
    tableDifference(
      everyChain(standing[name], wanted[name]),
      missingHooks(standing[name], wanted[name]),
      sum,
    ),
  );
}

/** The same where what stands are these rules as they were before these changes, at the cost of the changes. */
export function differenceOf(
  changes: RuleChanges,
  wanted: RuleSet,
  commitSize = Number.POSITIVE_INFINITY,
): Difference {
  return allTables(commitSize, (name, sum) => {
    const { chains } = wanted[name];
    const pairs = [...changes[name]].map(([chain, had]) => [chain, had, chains.get(chain)] as const);
    return tableDifference(pairs, [], sum);
  });
}

interface Sum {
  created: number;
  changed: number;
  deleted: number;
}

function allTables(commitSize: number, partsOf: (name: TableName, sum: Sum) => Part[]): Difference {
  const sum = { created: 0, changed: 0, deleted: 0 };
  const text = tableNames.map((name) => commits(name, partsOf(name, sum), commitSize)).join('');
  return { text, ...sum };
}

/** Whether a chain of the kernel's is ours to write or delete. */
export function isOurs(chain: string, wanted: Table): boolean {
  return isServiceChain(chain) || wanted.chains.has(chain);
}

type Rules = readonly string[] | undefined;
type Pairs = Iterable<readonly [chain: string, have: Rules, want: Rules]>;

/** What stands and what is wanted of every chain that is ours to write or delete. */
function* everyChain({ chains: standing }: StandingTable, { chains: wanted }: Table): Pairs {
  for (const [chain, want] of wanted) yield [chain, standing.get(chain), want];
  for (const [chain, have] of standing)
    if (!wanted.has(chain) && isServiceChain(chain)) yield [chain, have, undefined];
}

function tableDifference(pairs: Pairs, hooks: readonly Hook[], sum: Sum): Part[] {
  const fresh: string[] = [];
  const stale: string[] = [];
  const parts: (Part & { readonly rank: number })[] = [];
  for (const [chain, have, want] of pairs) {
    if (have === want || (have && want && sameLines(have, want))) continue;
    if (!want) {
      sum.deleted++;
      stale.push(chain);
      continue;
    }
    const edits = have && editsOf(chain, have, want);
    const rank = rankOf(chain);
    if (have) sum.changed++;
    else sum.created++;
    // Of these any other may lead to any other.
    if (!have && rank === chainRanks.length) fresh.push(head(chain));
    if (edits) parts.push({ rank, heads: [], rules: edits });
    else parts.push({ rank, heads: [head(chain)], rules: want.map((rule) => `-A ${chain} ${rule}`) });
  }
  parts.sort((a, b) => a.rank - b.rank);
  // Prepended one by one, so the last of a chain comes first.
  const jumps = hooks.map(({ chain, rule }) => `-I ${chain} 1 ${rule}`).reverse();
  return [{ heads: fresh, rules: [] }, ...parts, { heads: [], rules: jumps }, ...emptied(stale)];
}

/** All emptied, then all deleted: a chain that something leads to cannot go. */
function emptied(chains: readonly string[]): Part[] {
  return [
    ...chains.map((chain) => ({ heads: [head(chain)], rules: [] })),
    ...chains.map((chain) => ({ heads: [], rules: [`-X ${chain}`] })),
  ];
}

const head = (chain: string) => `:${chain} - [0:0]`;

/** Who is led to comes before who leads there. */
const chainRanks = ['KUBE-SEP-', 'KUBE-SVC-', 'KUBE-SVL-', 'KUBE-EXT-', 'KUBE-FW-'];

function rankOf(chain: string): number {
  const rank = chainRanks.findIndex((prefix) => chain.startsWith(prefix));
  return rank < 0 ? chainRanks.length : rank;
}

function missingHooks(standing: StandingTable, wanted: Table): readonly Hook[] {
  return wanted.hooks.filter(
    (hook) => !standing.hooks.some((one) => one.chain === hook.chain && one.rule === hook.rule),
  );
}

/**
 * The batch that takes all of ours out: hooks first, then the chains. KUBE-FIREWALL of the table filter stays, it is
 * the kubelet's too (upstream: `CleanupLeftovers`). Empty when there is nothing.
 */
export function removal(saved: Saved, rules: RuleSet, commitSize = Number.POSITIVE_INFINITY): string {
  return tableNames
    .map((name) =>
      commits(name, tableRemoval(saved.get(name) ?? new Map(), rules[name], rules.family, name), commitSize),
    )
    .join('');
}

function tableRemoval(
  found: ReadonlyMap<string, readonly string[]>,
  table: Table,
  family: Family,
  name: TableName,
): Part[] {
  const kubelets = (chain: string) => name === 'filter' && chain === 'KUBE-FIREWALL';
  const hooks = standingHooks(found, table, family).filter(
    ({ rule }) => !kubelets(rule.slice(rule.lastIndexOf(' ') + 1)),
  );
  const chains = [...found.keys()].filter((chain) => isOurs(chain, table) && !kubelets(chain));
  return [{ heads: [], rules: hooks.map(({ chain, rule }) => `-D ${chain} ${rule}`) }, ...emptied(chains)];
}

/** Those of the wanted jumps that stand in their chain, wherever and in whatever spelling. */
export function standingHooks(
  found: ReadonlyMap<string, readonly string[]>,
  { hooks }: Table,
  family: Family,
): Hook[] {
  return hooks.filter(({ chain, rule }) => {
    const normal = normalRule(rule, family);
    return found
      .get(chain)
      ?.some((one) => one === rule || one === normal || normalRule(one, family) === normal);
  });
}
