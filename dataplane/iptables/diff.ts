import type { Family } from '../../api/address.ts';
import { isServiceChain } from './names.ts';
import { normalRule } from './normal.ts';
import type { Saved } from './parse.ts';
import type { Hook, RuleSet, Table, TableName } from './rules.ts';

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
 * The commands that turn what stands into what is wanted, touching only chains that differ. Chains are
 * filled before anything leads to them, and stale ones go after nothing does.
 *
 * @param commitSize how many rules go into one commit at most. Without it a table is one commit, as it
 *   should be; see {@link smallCommit} for when that cannot be had.
 */
export function difference(
  standing: Standing,
  wanted: RuleSet,
  commitSize = Number.POSITIVE_INFINITY,
): Difference {
  const sum = { created: 0, changed: 0, deleted: 0 };
  const text = tableNames
    .map((name) => commits(name, tableDifference(standing[name], wanted[name], sum), commitSize))
    .join('');
  return { text, ...sum };
}

/**
 * Rules that fit into one netlink message of a process without privileges on the host. The nft tools
 * send a commit as one message of at most net.core.wmem_default (208 KiB), which only privileges on the
 * host can raise, and a rule takes up to 1 KiB.
 */
export const smallCommit = 180;

/** A declared chain, new or emptied, counts as this part of a rule. */
const headWeight = 1 / 6;

/** Whether a chain of the kernel's is ours to write or delete. */
export function isOurs(chain: string, wanted: Table): boolean {
  return isServiceChain(chain) || wanted.chains.has(chain);
}

/** Lines that belong together: what declares chains, and what fills or uses them. */
interface Part {
  readonly heads: readonly string[];
  readonly rules: readonly string[];
}

function tableDifference(
  standing: StandingTable,
  wanted: Table,
  sum: { created: number; changed: number; deleted: number },
): Part[] {
  const fresh: string[] = [];
  const parts: (Part & { readonly rank: number })[] = [];
  for (const [chain, want] of wanted.chains) {
    const have = standing.chains.get(chain);
    if (have === want || (have && sameLines(have, want))) continue;
    if (have) sum.changed++;
    else sum.created++;
    if (!have) fresh.push(head(chain));
    const edits = have && editsOf(chain, have, want);
    const rank = rankOf(chain);
    if (edits) parts.push({ rank, heads: [], rules: edits });
    else parts.push({ rank, heads: [head(chain)], rules: want.map((rule) => `-A ${chain} ${rule}`) });
  }
  parts.sort((a, b) => a.rank - b.rank);
  // Prepended one by one, so the last of a chain comes first.
  const hooks = missingHooks(standing, wanted).map(({ chain, rule }) => `-I ${chain} 1 ${rule}`);
  const stale = [...standing.chains.keys()].filter(
    (chain) => !wanted.chains.has(chain) && isServiceChain(chain),
  );
  sum.deleted += stale.length;
  return [{ heads: fresh, rules: [] }, ...parts, { heads: [], rules: hooks.reverse() }, ...emptied(stale)];
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
function rankOf(chain: string): number {
  const order = ['KUBE-SEP-', 'KUBE-SVC-', 'KUBE-SVL-', 'KUBE-EXT-', 'KUBE-FW-'];
  const rank = order.findIndex((prefix) => chain.startsWith(prefix));
  return rank < 0 ? order.length : rank;
}

/** Packs parts into as few commits as their size allows; one that is too big itself is cut. */
function commits(table: TableName, parts: readonly Part[], size: number): string {
  const texts: string[] = [];
  let heads = new Set<string>();
  let rules: string[] = [];
  const flush = () => {
    if (heads.size + rules.length > 0) texts.push(`*${table}\n${[...heads, ...rules].join('\n')}\nCOMMIT\n`);
    heads = new Set();
    rules = [];
  };
  const room = (more: number) => heads.size * headWeight + rules.length + more <= size;
  for (const part of parts) {
    if (!room(part.heads.length * headWeight + part.rules.length)) flush();
    for (const line of part.heads) {
      if (!room(headWeight)) flush();
      heads.add(line);
    }
    for (const rule of part.rules) {
      if (!room(1)) flush();
      rules.push(rule);
    }
  }
  flush();
  return texts.join('');
}

function missingHooks(standing: StandingTable, wanted: Table): Hook[] {
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
export function removal(saved: Saved, rules: RuleSet, commitSize = Number.POSITIVE_INFINITY): string {
  return tableNames
    .map((name) =>
      commits(name, tableRemoval(saved.get(name) ?? new Map(), rules[name], rules.family), commitSize),
    )
    .join('');
}

function tableRemoval(found: ReadonlyMap<string, readonly string[]>, table: Table, family: Family): Part[] {
  const hooks = standingHooks(found, table, family).filter(({ rule }) => !rule.endsWith(' KUBE-FIREWALL'));
  const chains = [...found.keys()].filter((chain) => isOurs(chain, table) && chain !== 'KUBE-FIREWALL');
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
