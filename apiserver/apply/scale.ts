import type { ManagedFieldsEntry } from '../../api/types.ts';
import { difference, type Fields, has, insert, isEmpty, type Path } from './fields.ts';
import { decodeManaged, encodeManaged, identityOf, managerId } from './managers.ts';
import type { Owned } from './updater.ts';

export const scaleVersion = 'autoscaling/v1';

const inScale: Path = ['f:spec', 'f:replicas'];

/**
 * Where the replicas are in a version of the scaled kind: null where that has none, undefined where it is not served.
 */
export type ReplicasPath = (apiVersion: string) => Path | null | undefined;

type Entries = readonly ManagedFieldsEntry[];

/**
 * Who owns the replicas, as fields of a Scale.
 * Upstream: apimachinery `pkg/util/managedfields/scalehandler.go` `ToSubresource`.
 *
 * @param entries of the scaled object
 */
export function entriesOfScale(entries: Entries | undefined, pathIn: ReplicasPath): Entries | undefined {
  const { owners, times } = decodeManaged(entries, true);
  const left = new Map<string, Owned>();
  for (const [id, owned] of owners) {
    const path = pathIn(owned.apiVersion);
    if (path && has(owned.fields, path))
      left.set(id, { ...owned, fields: setOf(inScale), apiVersion: scaleVersion });
  }
  return encodeManaged({ owners: left, times });
}

/**
 * The entries of the scaled object after its Scale was written: who lost the replicas there loses them here.
 * Upstream: `ToParent`.
 *
 * @param apiVersion of the scaled object in the request
 */
export function entriesAfterScale(
  entries: Entries | undefined,
  scale: Entries | undefined,
  pathIn: ReplicasPath,
  apiVersion: string,
): Entries | undefined {
  const { owners, times } = decodeManaged(entries, true);
  const scaled = decodeManaged(scale, false);
  const own = new Map([...scaled.owners].filter(([, { fields }]) => has(fields, inScale)));
  const after = new Map<string, Owned>();
  const since = new Map(times);
  for (const [id, owned] of owners) {
    const path = pathIn(owned.apiVersion);
    if (path === undefined) continue;
    if (path === null || !has(owned.fields, path)) after.set(id, owned);
    else if (own.delete(idInScale(id))) after.set(id, owned);
    else {
      const fields = difference(owned.fields, setOf(path));
      if (!isEmpty(fields)) after.set(id, { ...owned, fields });
    }
  }
  for (const [id, { applied }] of own) {
    const { manager = '', subresource, operation = 'Update' } = identityOf(id);
    const named = managerId({ manager, operation, apiVersion, ...(subresource ? { subresource } : {}) });
    after.set(named, { fields: setOf(pathIn(apiVersion) ?? inScale), apiVersion, applied });
    since.set(named, scaled.times.get(id));
  }
  return encodeManaged({ owners: after, times: since });
}

/** The identifier that a manager of the scaled object has in its Scale. */
function idInScale(id: string): string {
  const { manager = '', subresource, operation = 'Update' } = identityOf(id);
  return managerId({ manager, operation, apiVersion: scaleVersion, ...(subresource ? { subresource } : {}) });
}

function setOf(path: Path): Fields {
  const set: Fields = {};
  insert(set, path);
  return set;
}
