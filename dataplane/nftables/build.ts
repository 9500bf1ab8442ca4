import type { Row } from '../model/model.ts';
import type { Fragment } from './plan.ts';
import { type Chain, type Element, emptyTable, type NftSet, type Table } from './table.ts';

/** Names of what may have changed. */
export interface Touched {
  readonly sets: Set<string>;
  readonly chains: Set<string>;
  /** Keys by set. */
  readonly elements: Map<string, Set<string>>;
}

/** A table that follows its rows; only rows that are new objects are looked at. */
export interface TableBuilder {
  readonly table: Table;
  /**
   * Brings the table up to these rows, by `servicePortKey`, and says what that touched.
   *
   * @param changed keys of the rows that may be others than at the last update; without it, all are looked at
   */
  update(rows: ReadonlyMap<string, Row>, changed?: ReadonlySet<string>): Touched;
}

/** Who puts one thing in: nearly always one row, so the others are kept apart. */
interface Claim<T> {
  owner: string;
  value: T;
  others?: Map<string, T>;
}

type Claims<T> = Map<string, Claim<T>>;

/**
 * A table of what the node itself needs and what each row adds. Where two rows want different things of one
 * name (two Services on one address and port), the row that stands first has its way, whichever came first.
 */
export function createTableBuilder(base: Fragment, fragmentOf: (row: Row) => Fragment): TableBuilder {
  const table = emptyTable();
  const sets: Claims<NftSet> = new Map();
  const chains: Claims<Chain> = new Map();
  const elements = new Map<string, Claims<Element>>();
  const known = new Map<string, { readonly row: Row; readonly fragment: Fragment }>();

  const claimsOf = (set: string) => getOrMake(elements, set, () => new Map<string, Claim<Element>>());
  const elementsOf = (set: string) => getOrMake(table.elements, set, () => new Map<string, Element>());

  function visit(owner: string, fragment: Fragment, touched: Touched, change: typeof add | typeof remove) {
    for (const [name, set] of fragment.sets) {
      change(sets, table.sets, name, owner, set);
      touched.sets.add(name);
    }
    for (const [name, chain] of fragment.chains) {
      change(chains, table.chains, name, owner, chain);
      touched.chains.add(name);
    }
    for (const element of fragment.elements) {
      change(claimsOf(element.set), elementsOf(element.set), element.key, owner, element);
      getOrMake(touched.elements, element.set, () => new Set<string>()).add(element.key);
    }
  }

  const first = nothingTouched();
  visit('', base, first, add);
  let unsaid: Touched | undefined = first;
  return {
    table,
    update(rows, changed = new Set([...known.keys(), ...rows.keys()])) {
      const touched = unsaid ?? nothingTouched();
      unsaid = undefined;
      for (const key of changed) {
        const before = known.get(key);
        const row = rows.get(key);
        if (before?.row === row) continue;
        if (row) {
          const fragment = fragmentOf(row);
          visit(key, fragment, touched, add);
          if (before) dropRest(key, before.fragment, fragment, touched);
          known.set(key, { row, fragment });
        } else if (before) {
          visit(key, before.fragment, touched, remove);
          known.delete(key);
        }
      }
      return touched;
    },
  };

  /** What a row had and has no more. */
  function dropRest(owner: string, before: Fragment, now: Fragment, touched: Touched): void {
    const [setNames, chainNames] = [new Set(now.sets.map(nameOf)), new Set(now.chains.map(nameOf))];
    const keys = new Set(now.elements.map(({ set, key }) => `${set} ${key}`));
    const rest = {
      sets: before.sets.filter(([name]) => !setNames.has(name)),
      chains: before.chains.filter(([name]) => !chainNames.has(name)),
      elements: before.elements.filter(({ set, key }) => !keys.has(`${set} ${key}`)),
    };
    visit(owner, rest, touched, remove);
  }
}

const nameOf = ([name]: readonly [string, unknown]) => name;
const nothingTouched = (): Touched => ({ sets: new Set(), chains: new Set(), elements: new Map() });

function add<T>(claims: Claims<T>, winners: Map<string, T>, name: string, owner: string, value: T): void {
  const claim = claims.get(name);
  if (!claim) claims.set(name, { owner, value });
  else if (claim.owner === owner) claim.value = value;
  else {
    claim.others ??= new Map();
    if (owner < claim.owner) {
      claim.others.delete(owner);
      claim.others.set(claim.owner, claim.value);
      claim.owner = owner;
      claim.value = value;
    } else claim.others.set(owner, value);
  }
  winners.set(name, claims.get(name)?.value ?? value);
}

function remove<T>(claims: Claims<T>, winners: Map<string, T>, name: string, owner: string): void {
  const claim = claims.get(name);
  if (!claim) return;
  if (claim.owner !== owner) {
    claim.others?.delete(owner);
    return;
  }
  let heir: string | undefined;
  for (const other of claim.others?.keys() ?? []) if (heir === undefined || other < heir) heir = other;
  const value = heir === undefined ? undefined : claim.others?.get(heir);
  if (heir === undefined || value === undefined) {
    claims.delete(name);
    winners.delete(name);
    return;
  }
  claim.others?.delete(heir);
  claim.owner = heir;
  claim.value = value;
  winners.set(name, value);
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
