import { compare, exclude } from './compare.ts';
import { fieldSetOf, removeItems, withDeclaredParents } from './field-set.ts';
import {
  difference,
  type Fields,
  intersection,
  isEmpty,
  type Path,
  pathsOf,
  recursiveDifference,
  union,
} from './fields.ts';
import { merge } from './merge.ts';
import type { Shape } from './shape.ts';

/** The fields one manager owns. */
export interface Owned {
  fields: Fields;
  /** `apps/v1`: the version that the paths are of. */
  apiVersion: string;
  /** True of a manager that applies, false of one that updates. */
  applied: boolean;
}

/** Who owns what, by an identifier of the manager. */
export type Owners = ReadonlyMap<string, Owned>;

/** A field that another manager owns and that would change. */
export interface Conflict {
  manager: string;
  path: Path;
}

/** Refusal of an apply, to be told in words. */
export class Conflicts extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(`${conflicts.length} conflicts`);
    this.name = 'Conflicts';
    this.conflicts = conflicts;
  }
}

export interface UpdateRequest {
  shape: Shape;
  /** See {@link CompareOptions}. */
  typed: boolean;
  apiVersion: string;
  /** Paths that this kind of write leaves as they are, with all below. */
  ignored: Fields;
  manager: string;
}

/**
 * Who owns what after an update from `live` to `next`: changed and added fields are the manager's.
 * Upstream: structured-merge-diff `merge/update.go` `Updater.Update`.
 *
 * Versions of one kind differ in nothing but their name here, so paths of one are paths of all.
 */
export function ownersAfterUpdate(
  { shape, typed, apiVersion, ignored, manager }: UpdateRequest,
  live: unknown,
  next: unknown,
  owners: Owners,
): Owners {
  const all = compare(shape, live, next, { typed });
  if (isEmpty(all.removed) && isEmpty(all.modified) && isEmpty(all.added)) return owners;
  const after = withoutChanged(exclude(all, ignored), owners, manager);
  const own = after.get(manager)?.fields ?? {};
  const fields = recursiveDifference(
    union(union(difference(own, all.removed), all.modified), all.added),
    ignored,
  );
  if (isEmpty(fields)) after.delete(manager);
  else after.set(manager, { fields, apiVersion, applied: false });
  return after;
}

/**
 * The live object with a configuration applied, and who owns what then. Upstream: `Updater.Apply`.
 * @throws Conflicts unless `force`
 */
export function applyTo(
  { shape, typed, apiVersion, ignored, manager, force }: UpdateRequest & { force: boolean },
  live: unknown,
  config: unknown,
  owners: Owners,
): { object: unknown; owners: Owners } {
  const last = owners.get(manager);
  const fields = recursiveDifference(fieldSetOf(shape, config), ignored);
  const now = new Map(owners).set(manager, { fields, apiVersion, applied: true });
  const object = prune(shape, merge(shape, live, config), now, last?.fields);
  const changes = exclude(compare(shape, live, object, { typed }), ignored);
  if (!force) {
    const changed = union(changes.modified, changes.added);
    const conflicts = [...now]
      .filter(([other]) => other !== manager)
      .flatMap(([other, owned]) =>
        pathsOf(intersection(owned.fields, changed)).map((path) => ({ manager: other, path })),
      );
    if (conflicts.length > 0) throw new Conflicts(conflicts);
  }
  return { object, owners: withoutChanged(changes, now, manager) };
}

/** What others keep when these fields change hands or go; who owns nothing is gone. */
function withoutChanged(
  { modified, added, removed }: ReturnType<typeof compare>,
  owners: Owners,
  manager: string,
): Map<string, Owned> {
  const lost = union(union(modified, added), removed);
  const after = new Map<string, Owned>();
  for (const [other, owned] of owners) {
    const fields = other === manager ? owned.fields : difference(owned.fields, lost);
    if (!isEmpty(fields)) after.set(other, fields === owned.fields ? owned : { ...owned, fields });
  }
  return after;
}

/**
 * Takes away what the manager applied last time and not now, unless somebody else owns it. What nobody owned stays.
 */
function prune(shape: Shape, merged: unknown, owners: Owners, last: Fields | undefined): unknown {
  if (!last || isEmpty(last)) return merged;
  const named = (set: Fields) => withDeclaredParents(shape, set);
  const mergedSet = named(fieldSetOf(shape, merged));
  const setOf = (value: unknown) => (value === undefined ? {} : named(fieldSetOf(shape, value)));
  let managed: Fields = {};
  for (const { fields } of owners.values()) managed = union(managed, fields);
  const bare = removeItems(shape, merged, named(last));
  const owned = removeItems(shape, merged, difference(mergedSet, union(setOf(bare), named(managed))));
  return removeItems(shape, merged, intersection(difference(mergedSet, setOf(owned)), named(last)));
}
