import type { ManagedFieldsEntry } from '../../api/types.ts';
import { type Fields, inOrder, parseFields, union } from './fields.ts';
import type { Owned, Owners } from './updater.ts';

/** Who owns what of one object, and since when (RFC 3339). */
export interface Managed {
  owners: Owners;
  times: ReadonlyMap<string, string | undefined>;
  /** The entries as they were read, which those keep who neither gained nor lost anything. */
  read?: ReadonlyMap<string, { entry: ManagedFieldsEntry; owned: Owned }>;
}

export const nobody: Managed = { owners: new Map(), times: new Map() };

/** The parts of an entry that make it one of its own. */
export interface ManagerIdentity {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string;
}

/** The identifier of a manager: one that applies is the same in all versions. Upstream: `BuildManagerIdentifier`. */
export function managerId({ manager, operation, apiVersion, subresource }: ManagerIdentity): string {
  return JSON.stringify({
    ...(manager ? { manager } : {}),
    operation,
    ...(operation === 'Update' ? { apiVersion } : {}),
    ...(subresource ? { subresource } : {}),
  });
}

/** The inverse of {@link managerId}, but for the version of one that applies. */
export function identityOf(id: string): Partial<ManagerIdentity> {
  return JSON.parse(id) as Partial<ManagerIdentity>;
}

/**
 * Reads `metadata.managedFields`. Upstream: `internal/managedfields.go` `DecodeManagedFields`.
 * @param trusted the entries are this server's own, so that their sets are in canonical form
 * @throws Error in upstream's words
 */
export function decodeManaged(entries: readonly ManagedFieldsEntry[] | undefined, trusted: boolean): Managed {
  if (!entries || entries.length === 0) return nobody;
  const owners = new Map<string, Owned>();
  const times = new Map<string, string | undefined>();
  const read = new Map<string, { entry: ManagedFieldsEntry; owned: Owned }>();
  for (const [index, entry] of entries.entries()) {
    const { manager = '', operation, apiVersion, subresource, fieldsType, fieldsV1, time } = entry;
    if (operation !== 'Apply' && operation !== 'Update')
      throw new Error('operation must be `Apply` or `Update`');
    if (!apiVersion) throw new Error('apiVersion must not be empty');
    if (!fieldsType) throw new Error(`missing fieldsType in managed fields entry ${index}`);
    if (fieldsType !== 'FieldsV1') {
      throw new Error(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`);
    }
    const id = managerId({ manager, operation, apiVersion, ...(subresource ? { subresource } : {}) });
    const fields = trusted ? ((fieldsV1 ?? {}) as Fields) : parseFields(fieldsV1);
    const owned = { fields, apiVersion, applied: operation === 'Apply' };
    owners.set(id, owned);
    times.set(id, time);
    if (trusted) read.set(id, { entry, owned });
  }
  return { owners, times, read };
}

/** The entries in upstream's order: those that apply first, then by time and name. */
export function encodeManaged({ owners, times, read }: Managed): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  const entries = [...owners].map(([id, owned]): ManagedFieldsEntry => {
    const before = read?.get(id);
    if (before?.owned === owned && before.entry.time === times.get(id)) return before.entry;
    const { fields, apiVersion, applied } = owned;
    const { manager, subresource } = identityOf(id);
    const time = times.get(id);
    return {
      ...(manager ? { manager } : {}),
      operation: applied ? 'Apply' : 'Update',
      apiVersion,
      ...(time ? { time } : {}),
      fieldsType: 'FieldsV1',
      fieldsV1: inOrder(fields),
      ...(subresource ? { subresource } : {}),
    };
  });
  return entries.sort(compareEntries);
}

function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    compareTexts(a.operation, b.operation) ||
    seconds(a.time) - seconds(b.time) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function compareTexts(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function seconds(time: string | undefined): number {
  return time ? Math.floor(Date.parse(time) / 1000) : 0;
}

/** How many managers that update an object has at most. Upstream: `DefaultMaxUpdateManagers`. */
const mostUpdaters = 10;

/** With the oldest of too many updaters joined to one, `ancient-changes`. Upstream: `internal/capmanagers.go`. */
export function capUpdaters(managed: Managed): Managed {
  const updaters = [...managed.owners].filter(([, { applied }]) => !applied).map(([id]) => id);
  if (updaters.length <= mostUpdaters) return managed;
  const { owners, times } = { owners: new Map(managed.owners), times: new Map(managed.times) };
  updaters.sort((a, b) => seconds(times.get(a)) - seconds(times.get(b)) || compareTexts(a, b));
  const firsts = new Map<string, string>();
  let count = updaters.length;
  for (const id of updaters) {
    if (count <= mostUpdaters) break;
    const owned = owners.get(id);
    if (!owned) continue;
    const { apiVersion } = owned;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, id);
      continue;
    }
    const bucket = managerId({ manager: 'ancient-changes', operation: 'Update', apiVersion });
    const oldest = owners.get(first);
    if (oldest && !owners.has(bucket)) {
      owners.delete(first);
      owners.set(bucket, oldest);
    }
    const joined = union(owned.fields, owners.get(bucket)?.fields ?? {});
    owners.delete(id);
    owners.set(bucket, { ...owned, fields: joined });
    times.set(bucket, times.get(id));
    count--;
  }
  return { ...managed, owners, times };
}
