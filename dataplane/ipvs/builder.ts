import type { Row } from '../model/model.ts';
import type { IpvsContext } from './context.ts';
import { dialectFor } from './releases.ts';
import type { VirtualServer } from './servers.ts';
import { type SetId, setName } from './sets.ts';
import type { IpvsState, Part } from './state.ts';

/** What an update changed: true for what came, false for what went. */
export interface IpvsChanges {
  readonly servers: ReadonlyMap<
    string,
    readonly [had: VirtualServer | undefined, wants: VirtualServer | undefined]
  >;
  /** By the kernel's name of a set. */
  readonly sets: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
  readonly addresses: ReadonlyMap<string, boolean>;
}

/** Keeps the state of a node in step with rows, looking only at rows that changed. */
export interface StateBuilder {
  readonly state: IpvsState;
  /**
   * By `servicePortKey`, as the model gives them.
   *
   * @param changed keys of the rows that may be others than at the last update; without it, all are looked at
   */
  update(rows: ReadonlyMap<string, Row>, changed?: ReadonlySet<string>): IpvsChanges;
}

/** The state after any updates is that of a new builder given the last rows. */
export function stateBuilder(context: IpvsContext): StateBuilder {
  const { family } = context;
  const dialect = dialectFor(context);
  const parts = new Map<string, { readonly row: Row; readonly part: Part }>();
  const servers = claimedServers();
  const addresses = counted();
  const sets = new Map(dialect.sets.map((id) => [id, counted()]));
  const blocked = new Map<string, readonly string[]>();
  const countedSet = (id: SetId) => sets.get(id) ?? counted();

  function apply(key: string, part: Part, more: boolean): void {
    for (const [name, server] of part.servers) servers.claim(name, key, more ? server : undefined);
    for (const address of part.bound) addresses.count(address, more);
    for (const [set, entry] of part.entries) countedSet(set).count(entry, more);
    if (part.blocked.length === 0) return;
    if (more) blocked.set(key, part.blocked);
    else blocked.delete(key);
  }

  const everySet = new Map([...sets].map(([id, { entries }]) => [setName(id, family), entries]));
  const boundSet = setName('KUBE-IPVS-IPS', family);
  if (everySet.has(boundSet)) everySet.set(boundSet, addresses.entries);
  const rules = () =>
    dialect.rules(
      context,
      (id) => countedSet(id).entries.size > 0,
      [...blocked.keys()].sort().flatMap((key) => blocked.get(key) ?? []),
    );
  let state: IpvsState = {
    servers: servers.current,
    addresses: addresses.entries,
    sets: everySet,
    rules: rules(),
  };
  return {
    get state() {
      return state;
    },
    update(rows, changed = new Set([...parts.keys(), ...rows.keys()])) {
      const others = [...changed].filter((key) => parts.get(key)?.row !== rows.get(key));
      for (const key of others) {
        const had = parts.get(key);
        if (had) apply(key, had.part, false);
        parts.delete(key);
      }
      for (const key of others) {
        const row = rows.get(key);
        if (!row) continue;
        const part = dialect.part(row, context);
        apply(key, part, true);
        parts.set(key, { row, part });
      }
      state = { ...state, rules: rules() };
      const entries = new Map([...sets].map(([id, set]) => [setName(id, family), set.changes()]));
      const bound = addresses.changes();
      if (everySet.has(boundSet)) entries.set(boundSet, bound);
      return { servers: servers.changes(), sets: entries, addresses: bound };
    },
  };
}

/** Servers by name. Several rows may want the same one; it is that of the first row then. */
function claimedServers() {
  const current = new Map<string, VirtualServer>();
  const owner = new Map<string, string>();
  const losers = new Map<string, Map<string, VirtualServer>>();
  const before = new Map<string, VirtualServer | undefined>();

  function give(name: string, row: string, server: VirtualServer): void {
    current.set(name, server);
    owner.set(name, row);
  }

  function lose(name: string, row: string, server: VirtualServer): void {
    const others = losers.get(name) ?? new Map();
    losers.set(name, others.set(row, server));
  }

  function release(name: string, row: string): void {
    const others = losers.get(name);
    if (owner.get(name) !== row) {
      others?.delete(row);
      return;
    }
    current.delete(name);
    owner.delete(name);
    const [heir] = [...(others?.keys() ?? [])].sort();
    const server = heir === undefined ? undefined : others?.get(heir);
    if (heir === undefined || !server) return;
    others?.delete(heir);
    give(name, heir, server);
  }

  return {
    current,
    /** Without a server, the row wants it no more. */
    claim(name: string, row: string, server: VirtualServer | undefined): void {
      if (!before.has(name)) before.set(name, current.get(name));
      if (!server) {
        release(name, row);
        return;
      }
      const now = current.get(name);
      const owning = owner.get(name);
      if (now && owning !== undefined && owning < row) {
        lose(name, row, server);
        return;
      }
      if (now && owning !== undefined) lose(name, owning, now);
      give(name, row, server);
    },
    changes(): IpvsChanges['servers'] {
      const changes = [...before].map(([name, had]) => [name, [had, current.get(name)]] as const);
      before.clear();
      return new Map(changes.filter(([, [had, wants]]) => had !== wants));
    },
  };
}

/** Entries that several rows may want. */
function counted() {
  const entries = new Map<string, number>();
  const before = new Map<string, boolean>();
  return {
    entries,
    count(entry: string, more: boolean): void {
      if (!before.has(entry)) before.set(entry, entries.has(entry));
      const count = (entries.get(entry) ?? 0) + (more ? 1 : -1);
      if (count > 0) entries.set(entry, count);
      else entries.delete(entry);
    },
    changes(): ReadonlyMap<string, boolean> {
      const changes = [...before].map(([entry]) => [entry, entries.has(entry)] as const);
      const changed = changes.filter(([entry, has]) => before.get(entry) !== has);
      before.clear();
      return new Map(changed);
    },
  };
}
