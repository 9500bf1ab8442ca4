import type { Row } from '../model/model.ts';
import type { RuleContext } from './context.ts';
import { sameLines } from './edits.ts';
import { createOrderedLines } from './orderedlines.ts';
import type { RuleSet, SharedLines, Table, TableName } from './rules.ts';
import type { ServiceRules } from './service.ts';

/** Chains that an update made, changed or took away, each as it was before it; undefined where it was not. */
export type RuleChanges = Readonly<Record<TableName, ReadonlyMap<string, readonly string[] | undefined>>>;

/** A rule set that follows its rows, at the cost of those that change. */
export interface RulesBuilder {
  /** As the last update left it: always the same object, with the same maps. */
  readonly rules: RuleSet;
  /** Of all rows together. */
  readonly endpoints: number;
  /**
   * Brings the rules up to these rows, by `servicePortKey`.
   *
   * @param changed keys of the rows that may be others than at the last update; without it, all are looked at
   */
  update(rows: ReadonlyMap<string, Row>, changed?: ReadonlySet<string>): RuleChanges;
}

/** The rules after any updates are those of a new builder given the last rows. */
export function createRulesBuilder(context: RuleContext): RulesBuilder {
  const { dialect, family } = context;
  const known = new Map<string, { readonly row: Row; readonly rules: ServiceRules }>();
  const shared = perName(createOrderedLines);
  const chains: Readonly<Record<TableName, Map<string, readonly string[]>>> = {
    mangle: new Map(),
    filter: new Map(),
    nat: new Map(),
  };
  let endpoints = 0;
  let before = noChanges();

  function put(table: TableName, name: string, rules: readonly string[] | undefined): void {
    const had = chains[table].get(name);
    if (had === rules || (had && rules && sameLines(had, rules))) return;
    if (!before[table].has(name)) before[table].set(name, had);
    if (rules) chains[table].set(name, rules);
    else chains[table].delete(name);
  }

  /** The chains that Services share, and those that no Service is part of. */
  function putOverall(): Readonly<Record<TableName, Table>> {
    const overall = dialect.overallTables(
      perName((name) => shared[name].lines),
      context,
    );
    for (const table of ['mangle', 'filter', 'nat'] as const)
      for (const [name, rules] of overall[table].chains) put(table, name, rules);
    return overall;
  }

  function exchange(key: string, row: Row | undefined): ServiceRules {
    const old = known.get(key);
    const rules = row ? dialect.serviceRules(row, context) : nothing;
    for (const name of old?.rules.chains.keys() ?? [])
      if (!rules.chains.has(name)) put('nat', name, undefined);
    for (const [name, own] of rules.chains) put('nat', name, own);
    endpoints += (row?.endpoints.length ?? 0) - (old?.row.endpoints.length ?? 0);
    if (row) known.set(key, { row, rules });
    else known.delete(key);
    return rules;
  }

  const { mangle, filter, nat } = putOverall();
  return {
    rules: {
      family,
      mangle: { chains: chains.mangle, hooks: mangle.hooks },
      filter: { chains: chains.filter, hooks: filter.hooks },
      nat: { chains: chains.nat, hooks: nat.hooks },
    },
    get endpoints() {
      return endpoints;
    },
    update(rows, changed = new Set([...known.keys(), ...rows.keys()])) {
      const lines = perName(() => new Map<string, readonly string[]>());
      for (const key of changed) {
        const old = known.get(key);
        const row = rows.get(key);
        if (old?.row === row) continue;
        const [had, has] = [sharedOf(old?.rules ?? nothing), sharedOf(exchange(key, row))];
        for (const name of names) if (!sameLines(had[name], has[name])) lines[name].set(key, has[name]);
      }
      for (const name of names) shared[name].set(lines[name]);
      if (names.some((name) => lines[name].size > 0)) putOverall();
      const changes = before;
      before = noChanges();
      return changes;
    },
  };
}

const names = ['natServices', 'natNodePorts', 'services', 'external', 'nodePorts', 'firewall'] as const;

/** One thing for each chain that Services share. */
function perName<T>(make: (name: keyof SharedLines) => T): Record<keyof SharedLines, T> {
  return {
    natServices: make('natServices'),
    natNodePorts: make('natNodePorts'),
    services: make('services'),
    external: make('external'),
    nodePorts: make('nodePorts'),
    firewall: make('firewall'),
  };
}

const sharedOf = ({ nat, filter }: ServiceRules): SharedLines => ({
  natServices: nat.services,
  natNodePorts: nat.nodePorts,
  services: filter.services,
  external: filter.external,
  nodePorts: filter.nodePorts,
  firewall: filter.firewall,
});

const nothing: ServiceRules = {
  chains: new Map(),
  nat: { services: [], nodePorts: [] },
  filter: { services: [], external: [], nodePorts: [], firewall: [] },
};

const noChanges = () => ({
  mangle: new Map<string, readonly string[] | undefined>(),
  filter: new Map<string, readonly string[] | undefined>(),
  nat: new Map<string, readonly string[] | undefined>(),
});
