import type { Found } from '../found.ts';
import type { Table } from './table.ts';

/** How the table that stands, in the words of the wanted one, differs from it, by names. */
export function foundIn(standing: Table, wanted: Table): Found {
  const found = { missing: [] as string[], changed: [] as string[], foreign: [] as string[] };
  function compare<T>(
    kind: string,
    have: ReadonlyMap<string, T>,
    want: ReadonlyMap<string, T>,
    same: (a: T, b: T) => boolean,
  ): void {
    for (const [name, wants] of want) {
      const had = have.get(name);
      if (had === undefined) found.missing.push(`${kind} ${name}`);
      else if (!same(had, wants)) found.changed.push(`${kind} ${name}`);
    }
    for (const name of have.keys()) if (!want.has(name)) found.foreign.push(`${kind} ${name}`);
  }
  compare('set', standing.sets, wanted.sets, (a, b) => (a.timeout ?? 0) === (b.timeout ?? 0));
  compare('chain', standing.chains, wanted.chains, (a, b) => a.rules.join('\n') === b.rules.join('\n'));
  for (const set of new Set([...standing.elements.keys(), ...wanted.elements.keys()]))
    if (standing.sets.has(set) && wanted.sets.has(set))
      compare(
        `element of ${set}:`,
        standing.elements.get(set) ?? new Map(),
        wanted.elements.get(set) ?? new Map(),
        (a, b) => a.value === b.value && a.comment === b.comment,
      );
  return found;
}
