import type { KubeObject } from '../../api/object.ts';
import { StatusError, statusError } from '../../api/status.ts';
import type { ManagedFieldsEntry } from '../../api/types.ts';
import { applyConflict } from './conflict.ts';
import { difference, type Fields, insert, isEmpty, union } from './fields.ts';
import { isEmptyMap, isMap, ShapeError, sameValue } from './items.ts';
import { allowedByLastApplied, hasLastApplied, withLastApplied } from './last-applied.ts';
import { capUpdaters, decodeManaged, encodeManaged, type Managed, managerId, nobody } from './managers.ts';
import { reconcile } from './reconcile.ts';
import type { Shape } from './shape.ts';
import { applyTo, Conflicts, type Owned, type Owners, ownersAfterUpdate } from './updater.ts';
import { validate } from './validate.ts';

/** One write, as far as it matters who owns what afterwards. */
export interface FieldWrite {
  shape: Shape;
  /** The shape is of a Go type, whose encoder always writes some fields. */
  typed: boolean;
  kind: string;
  /** Of the request: `apps/v1`. */
  apiVersion: string;
  subresource?: string;
  /** Whether the kind is served in a version; what was written in another is forgotten. */
  serves(apiVersion: string): boolean;
  /** Who writes: `?fieldManager`, or the name of the client. */
  manager: string;
  /** Paths that this kind of write leaves as they are. Upstream: `GetResetFields`. */
  reset: Fields;
  /** RFC 3339, whole seconds. */
  time: string;
}

type Entries = readonly ManagedFieldsEntry[] | undefined;

/**
 * The managed fields of an object that a create, update or patch makes of `live`. `sent` are the entries in the body,
 * which a client may send to set them, or, as `[]` and `[{}]`, to have them forgotten.
 *
 * Upstream: apimachinery `pkg/util/managedfields/internal/fieldmanager.go` `UpdateNoErrors` and what it stacks.
 *
 * @param live undefined for a create
 */
export function entriesAfterUpdate(
  write: FieldWrite,
  live: KubeObject | undefined,
  next: KubeObject,
  sent: Entries,
): Entries {
  const before = live?.metadata?.managedFields;
  const managed = decodeLiveOrSent(write, before, sent);
  if (managed.owners.size === 0 && live) return undefined;
  try {
    return encodeManaged(update(write, managed, bareOf(live ?? {}), bareOf(next)));
  } catch (error) {
    // An object that does not fit its schema keeps what it had, as upstream's does.
    if (error instanceof ShapeError) return before;
    throw error;
  }
}

/** What an apply makes of an object. */
export interface Applied {
  /** With `metadata.managedFields`, before defaults; the live object itself where nothing but these changed. */
  object: KubeObject;
  /** Whether anything but the managed fields changed. */
  changed: boolean;
}

/**
 * Applies a configuration. Upstream: `FieldManager.Apply`.
 * @param live undefined when the object is to be created
 * @throws StatusError Conflict, BadRequest, or without a reason where the configuration does not fit the schema
 */
export function applyConfiguration(
  write: FieldWrite & { force: boolean },
  live: KubeObject | undefined,
  config: KubeObject,
): Applied {
  checkConfiguration(write, config);
  let managed = decodeManaged(live?.metadata?.managedFields, true);
  const bare = withoutEntries(live ?? { apiVersion: write.apiVersion, kind: write.kind });
  if (managed.owners.size === 0 && live) {
    managed = update({ ...write, manager: 'before-first-apply' }, managed, {}, bareOf(live));
  }
  const { shape, typed, apiVersion, reset: ignored } = write;
  const id = identityOfWrite(write, 'Apply');
  const request = { shape, typed, apiVersion, ignored, manager: id };
  const owners = known(write, managed.owners);
  const run = (force: boolean) => applyTo({ ...request, force }, bare, config, owners);
  const result = tolerate(
    write,
    bare,
    () => run(write.force),
    () => run(true),
  );
  const after = stripped(result.owners, id);
  const changed = !live || !sameValue(withoutEmpty(result.object), withoutEmpty(bare));
  const times = changed ? new Map(managed.times).set(id, write.time) : managed.times;
  let object = (changed ? result.object : bare) as KubeObject;
  if (write.manager === 'kubectl' && hasLastApplied(object)) object = withLastApplied(object, config);
  const entries = encodeManaged({ ...managed, owners: after, times });
  return {
    changed,
    object: { ...object, metadata: { ...object.metadata, ...(entries ? { managedFields: entries } : {}) } },
  };
}

/** Fields that kubectl applied on its own side may be taken over without force. Upstream: `internal/lastappliedmanager.go`. */
function tolerate<T>(write: FieldWrite, live: KubeObject, run: () => T, forced: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Conflicts)) throw error;
    if (write.manager !== 'kubectl') throw applyConflict(error.conflicts);
    const allowed = allowedByLastApplied(write.shape, write.apiVersion, live);
    const { conflicts } = error;
    const left = allowed ? conflicts.filter(({ path }) => !isAllowed(allowed, path)) : conflicts;
    if (left.length > 0) throw applyConflict(left);
    return forced();
  }
}

function isAllowed(allowed: Fields, path: readonly string[]): boolean {
  const one: Fields = {};
  insert(one, path);
  return isEmpty(difference(one, allowed));
}

function checkConfiguration({ shape, apiVersion, kind }: FieldWrite, config: KubeObject): void {
  const { name = '', namespace = '' } = config.metadata ?? {};
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  if (config.apiVersion !== apiVersion || config.kind !== kind) {
    const sent = config.apiVersion?.includes('/') ? config.apiVersion : `/${config.apiVersion ?? ''}`;
    throw statusError('BadRequest', `invalid object type: ${sent}, Kind=${config.kind ?? ''}`);
  }
  if (config.metadata?.managedFields) throw statusError('BadRequest', 'metadata.managedFields must be nil');
  try {
    validate(shape, config);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const what = `${namespace}/${name}; ${group}/${version}, Kind=${kind}`;
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `failed to create typed patch object (${what}): ${error.message}`,
      code: 500,
    });
  }
}

function update(write: FieldWrite, managed: Managed, live: KubeObject, next: KubeObject): Managed {
  const { shape, typed, apiVersion, reset: ignored, time } = write;
  const id = identityOfWrite(write, 'Update');
  const self = 'current-operation';
  const owners = new Map(
    ownersAfterUpdate(
      { shape, typed, apiVersion, ignored, manager: self },
      live,
      next,
      known(write, managed.owners),
    ),
  );
  const own = owners.get(self);
  owners.delete(self);
  if (!own) return { ...managed, owners };
  const fields = difference(own.fields, unowned);
  if (isEmpty(fields)) return { ...managed, owners };
  owners.set(id, { ...own, fields: union(fields, owners.get(id)?.fields ?? {}) });
  return capUpdaters({ ...managed, owners, times: new Map(managed.times).set(id, time) });
}

function identityOfWrite(
  { manager, apiVersion, subresource }: FieldWrite,
  operation: 'Apply' | 'Update',
): string {
  return managerId({
    manager: manager || 'unknown',
    operation,
    apiVersion,
    ...(subresource ? { subresource } : {}),
  });
}

/** Without those who wrote in versions that are no longer served, and as the schema has it today. */
function known({ serves, shape, typed }: FieldWrite, owners: Owners): Owners {
  const left = new Map<string, Owned>();
  let changed = false;
  for (const [id, owned] of owners) {
    if (serves(owned.apiVersion)) {
      // What is built in does not change while it is served.
      const fields = typed ? owned.fields : reconcile(shape, owned.fields);
      changed ||= fields !== owned.fields;
      left.set(id, fields === owned.fields ? owned : { ...owned, fields });
    } else changed = true;
  }
  return changed ? left : owners;
}

function decodeLiveOrSent({ subresource }: FieldWrite, before: Entries, sent: Entries): Managed {
  const live = () => decodeOrNobody(before, true);
  if (subresource || sent === undefined || sent === before) return live();
  if (sent.length === 0 || (sent.length === 1 && Object.keys(sent[0] ?? {}).length === 0)) return nobody;
  if (sameValue(sent, before)) return live();
  const managed = decodeOrNobody(sent, false);
  return managed.owners.size > 0 ? managed : live();
}

function decodeOrNobody(entries: Entries, trusted: boolean): Managed {
  try {
    return decodeManaged(entries, trusted);
  } catch {
    // What cannot be read belongs to nobody: upstream does not let a write fail of it.
    return nobody;
  }
}

/** Without what the apiserver itself writes with every change. */
function bareOf(object: KubeObject): KubeObject {
  if (!object.metadata) return object;
  const { managedFields: _, resourceVersion: __, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function withoutEntries(object: KubeObject): KubeObject {
  if (!object.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Without structs and nulls that Go would write or leave out, whatever the configuration says. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, item]): [string, unknown] => [key, withoutEmpty(item)])
    .filter(([, item]) => item !== null && !(isMap(item) && isEmptyMap(item)));
  return Object.fromEntries(kept);
}

function stripped(owners: Owners, id: string): Owners {
  const owned = owners.get(id);
  if (!owned) return owners;
  const after = new Map<string, Owned>(owners);
  const fields = difference(owned.fields, unowned);
  if (isEmpty(fields)) after.delete(id);
  else after.set(id, { ...owned, fields });
  return after;
}

/** What nobody owns. Upstream: `internal/stripmeta.go`. */
const unowned: Fields = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};
