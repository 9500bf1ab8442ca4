import type { NftFamily } from '../../kernel/nft.ts';
import type { Touched } from './build.ts';
import { type Chain, type Commands, commandsFor, type Element, type NftSet, type Table } from './table.ts';

/** What has to be written. */
export interface Batch {
  /** Commands in their order; those of one group belong into one transaction. Empty when nothing differs. */
  readonly groups: readonly string[];
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** Chains that nothing leads to any more: gone after this batch, or with `keepStale` empty. */
  readonly stale: readonly string[];
}

/** Elements in one command. */
const perCommand = 250;

/**
 * The batch that makes `wanted` of `standing`, of what was touched or of everything. A table that cannot be
 * changed into the other (no table, other hooks, a set of another type) is replaced whole.
 *
 * @param options.keepStale leaves chains that are not wanted, for kernels that still hold those an element led to.
 */
export function difference(
  standing: Table | undefined,
  wanted: Table,
  family: NftFamily,
  touched: Touched = everything(standing, wanted),
  { keepStale = false } = {},
): Batch {
  const write = commandsFor(family);
  if (!standing || !compatible(standing, wanted, touched)) return replacement(wanted, write);
  const groups: string[] = [];
  const count = { created: 0, changed: 0, deleted: 0 };
  const newSets: string[] = [];
  const otherSets: string[] = [];
  const goneSets: string[] = [];
  for (const name of touched.sets) {
    const [had, wants] = [standing.sets.get(name), wanted.sets.get(name)];
    if (wants && !had) newSets.push(name);
    else if (!wants && had) goneSets.push(name);
    else if (wants && had && !sameSet(wants, had)) otherSets.push(name);
  }
  for (const name of newSets) groups.push(write.addSet(name, wanted.sets.get(name) as NftSet));

  const newChains: string[] = [];
  const rewritten: string[] = [];
  const stale: string[] = [];
  for (const name of touched.chains) {
    const [had, wants] = [standing.chains.get(name), wanted.chains.get(name)];
    if (wants && !had) newChains.push(name);
    else if (!wants && had) stale.push(name);
    else if (wants && had && (!sameRules(wants, had) || mentions(wants, otherSets))) rewritten.push(name);
  }
  for (const name of newChains) groups.push(write.addChain(name, wanted.chains.get(name) as Chain));
  const rules = (name: string) => write.addRules(name, wanted.chains.get(name) as Chain);
  for (const name of newChains) if (rules(name).length > 0) groups.push(rules(name).join('\n'));
  if (otherSets.length > 0)
    // A set cannot change its time-out; while it is made anew no rule may hold it.
    groups.push(
      [
        ...rewritten.map((name) => write.flushChain(name)),
        ...otherSets.map((name) => write.deleteSet(name)),
        ...otherSets.map((name) => write.addSet(name, wanted.sets.get(name) as NftSet)),
        ...rewritten.flatMap(rules),
      ].join('\n'),
    );
  else for (const name of rewritten) groups.push([write.flushChain(name), ...rules(name)].join('\n'));
  count.created += newChains.length;
  count.changed += rewritten.length;

  for (const [set, keys] of touched.elements) {
    const { added, changed, gone } = compareElements(standing, wanted, set, keys);
    for (const [had, wants] of changed)
      groups.push(`${write.deleteElements([had])}\n${write.addElements([wants])}`);
    for (const some of chunks(added)) groups.push(write.addElements(some));
    for (const some of chunks(gone)) groups.push(write.deleteElements(some));
    count.created += added.length;
    count.changed += changed.length;
    count.deleted += gone.length;
  }

  // Empty first, all of them: they lead to one another.
  for (const name of stale)
    if ((standing.chains.get(name)?.rules.length ?? 0) > 0) {
      groups.push(write.flushChain(name));
      count.deleted++;
    }
  if (!keepStale) for (const name of stale) groups.push(write.deleteChain(name));
  for (const name of goneSets) groups.push(write.deleteSet(name));
  return { groups, ...count, stale };
}

/** Makes `standing` what it is after the batch. */
export function settle(standing: Table, wanted: Table, touched: Touched, { keepStale = false } = {}): void {
  for (const name of touched.sets) copy(standing.sets, wanted.sets, name);
  for (const name of touched.chains) {
    const wants = wanted.chains.get(name);
    if (wants) standing.chains.set(name, wants);
    else if (!keepStale) standing.chains.delete(name);
    else if (standing.chains.has(name)) standing.chains.set(name, { rules: [] });
  }
  for (const [set, keys] of touched.elements) {
    const own = standing.elements.get(set) ?? new Map<string, Element>();
    standing.elements.set(set, own);
    const wants = wanted.elements.get(set) ?? new Map<string, Element>();
    for (const key of keys) copy(own, wants, key);
  }
}

function copy<T>(to: Map<string, T>, from: ReadonlyMap<string, T>, name: string): void {
  const value = from.get(name);
  if (value === undefined) to.delete(name);
  else to.set(name, value);
}

function replacement(wanted: Table, write: Commands): Batch {
  const groups = [`${write.addTable}\n${write.deleteTable}\n${write.addTable}`];
  let created = 0;
  for (const [name, set] of wanted.sets) groups.push(write.addSet(name, set));
  for (const [name, chain] of wanted.chains) if (!chain.hook) groups.push(write.addChain(name, chain));
  const plain = [...wanted.chains].filter(([, { hook, rules }]) => !hook && rules.length > 0);
  // nft reads the sets that stand, each by itself, before it adds a rule; so those with sets of their own come last.
  const [without, withSets] = [false, true].map((own) =>
    plain.filter(([, { rules }]) => rules.some((rule) => rule.includes('vmap {')) === own),
  );
  for (const [name, chain] of [...(without ?? []), ...(withSets ?? [])])
    groups.push(write.addRules(name, chain).join('\n'));
  for (const own of wanted.elements.values())
    for (const some of chunks([...own.values()])) {
      groups.push(write.addElements(some));
      created += some.length;
    }
  // The hooks come last: until then no packet sees a table that is only half there.
  for (const [name, chain] of wanted.chains)
    if (chain.hook) groups.push([write.addChain(name, chain), ...write.addRules(name, chain)].join('\n'));
  return { groups, created: created + wanted.chains.size, changed: 0, deleted: 0, stale: [] };
}

export function everything(standing: Table | undefined, wanted: Table): Touched {
  const names = <T>(pick: (table: Table) => ReadonlyMap<string, T>) =>
    new Set([...(standing ? pick(standing).keys() : []), ...pick(wanted).keys()]);
  const elements = new Map<string, Set<string>>();
  for (const table of [standing, wanted])
    for (const [set, own] of table?.elements ?? []) {
      const keys = elements.get(set) ?? new Set<string>();
      elements.set(set, keys);
      for (const key of own.keys()) keys.add(key);
    }
  return { sets: names(({ sets }) => sets), chains: names(({ chains }) => chains), elements };
}

function compatible(standing: Table, wanted: Table, { sets, chains }: Touched): boolean {
  for (const name of chains) {
    const [had, wants] = [standing.chains.get(name), wanted.chains.get(name)];
    const hooks = [had?.hook, wants?.hook].map((hook) => JSON.stringify(hook));
    if (hooks[0] !== hooks[1]) return false;
  }
  for (const name of sets) {
    const [had, wants] = [standing.sets.get(name), wanted.sets.get(name)];
    if (had && wants && had.type !== wants.type) return false;
    // Maps of the other layout, on which its rules still hang.
    if (had && !wants && had.type.includes(' : ')) return false;
  }
  return true;
}

function compareElements(standing: Table, wanted: Table, set: string, keys: ReadonlySet<string>) {
  const [have, want] = [standing.elements.get(set), wanted.elements.get(set)];
  const added: Element[] = [];
  const gone: Element[] = [];
  const changed: [Element, Element][] = [];
  // With the set itself its elements go.
  if (!wanted.sets.has(set)) return { added, gone, changed };
  for (const key of keys) {
    const [had, wants] = [have?.get(key), want?.get(key)];
    if (wants && !had) added.push(wants);
    else if (had && !wants) gone.push(had);
    else if (had && wants && (had.value !== wants.value || had.comment !== wants.comment))
      changed.push([had, wants]);
  }
  return { added, gone, changed };
}

const sameSet = (a: NftSet, b: NftSet) => (a.timeout ?? 0) === (b.timeout ?? 0);

function sameRules(a: Chain, b: Chain): boolean {
  return a === b || (a.rules.length === b.rules.length && a.rules.every((rule, i) => rule === b.rules[i]));
}

const mentions = ({ rules }: Chain, sets: readonly string[]) =>
  sets.some((set) => rules.some((rule) => rule.split(' ').includes(`@${set}`)));

function chunks<T>(all: readonly T[]): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < all.length; i += perCommand) out.push(all.slice(i, i + perCommand));
  return out;
}
