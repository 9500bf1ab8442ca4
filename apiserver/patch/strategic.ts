import { jsonType } from '../schema/scalar.ts';
import { mergeElementLists, mergeScalarLists, orderAfterDeletions, orderBy } from './lists.ts';
import { define } from './merge.ts';
import type { PatchSchema } from './patch-schema.ts';

/** A patch that cannot be applied; upstream: `mergepatch/errors.go`. */
export class PatchFormatError extends Error {}

export type JsonMap = Record<string, unknown>;

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/**
 * Applies a strategic merge patch and returns the result; the arguments stay as they are.
 * Upstream: apimachinery `strategicpatch.StrategicMergeMapPatch`.
 */
export function strategicMerge(original: JsonMap, patch: JsonMap, schema: PatchSchema): JsonMap {
  return mergeMap(structuredClone(original), structuredClone(patch), schema);
}

/** Merges `patch` into `original`; both are consumed. */
export function mergeMap(original: JsonMap, patch: JsonMap, schema: PatchSchema): JsonMap {
  if ('$patch' in patch) return applyDirective(patch);
  applyRetainKeys(original, patch);
  applyElementOrder(original, patch, schema);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) {
      deleteScalars(original, key.slice(deletePrefix.length), value);
    } else if (value === null) {
      delete original[key];
    } else {
      const { meta, schema: inner } = schema.field(key);
      const before = Object.hasOwn(original, key) ? original[key] : undefined;
      const merged = mergeField(before, value, meta, inner);
      if (merged === undefined) delete original[key];
      else define(original, key, merged);
    }
  }
  return original;
}

type Meta = ReturnType<PatchSchema['field']>['meta'];

/** Undefined where nothing is left. */
function mergeField(original: unknown, patch: unknown, meta: Meta, schema: PatchSchema): unknown {
  if (isMap(patch) && isMap(original)) return mergeMap(original, patch, schema);
  if (!Array.isArray(patch) || !Array.isArray(original)) return taken(patch);
  return meta.strategies.includes('merge') ? mergeList(original, patch, meta, schema) : patch;
}

/**
 * What the original does not have, without nulls and what only a merge would read; what has a directive goes altogether.
 * Upstream: `discardNullValuesFromPatch`, `removeDirectives`.
 */
function taken(patch: unknown): unknown {
  if (Array.isArray(patch)) return patch.map(taken).filter((item) => item !== undefined);
  if (!isMap(patch)) return patch;
  if ('$patch' in patch) return undefined;
  const kept = Object.entries(patch)
    .filter(([key, value]) => value !== null && !isDirective(key))
    .map(([key, value]): [string, unknown] => [key, taken(value)]);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
}

const isDirective = (key: string) =>
  key === '$retainKeys' || key.startsWith(orderPrefix) || key.startsWith(deletePrefix);

function mergeList(original: unknown[], patch: unknown[], meta: Meta, schema: PatchSchema): unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  const first = jsonType(original[0] ?? patch[0]);
  for (const item of [...original, ...patch]) {
    if (Array.isArray(item)) throw new PatchFormatError('lists of lists are not supported');
    if (jsonType(item) !== first) {
      throw new PatchFormatError(
        `list element types are not identical: ${JSON.stringify(original)} and ${JSON.stringify(patch)}`,
      );
    }
  }
  if (first !== 'object') return mergeScalarLists(original, patch);
  if (meta.mergeKey === undefined) {
    throw new PatchFormatError(`cannot merge lists without merge key: ${JSON.stringify(patch)}`);
  }
  return mergeElementLists(original, patch, meta.mergeKey, {
    merge: (left, right) => mergeMap(left, right, schema),
    add: (item) => taken(item) as JsonMap,
  });
}

function applyDirective(patch: JsonMap): JsonMap {
  const { $patch: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  throw new PatchFormatError(`unknown patch type: ${String(directive)} in map: ${JSON.stringify(patch)}`);
}

/** Drops the fields of `original` that `$retainKeys` does not name. */
function applyRetainKeys(original: JsonMap, patch: JsonMap): void {
  const keys = patch.$retainKeys;
  if (keys === undefined) return;
  delete patch.$retainKeys;
  if (!Array.isArray(keys)) throw new PatchFormatError('invalid patch format of retainKeys');
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!keys.includes(key)) throw new PatchFormatError('invalid patch format of retainKeys');
  }
  for (const key of Object.keys(original)) if (!keys.includes(key)) delete original[key];
}

/** Merges each list that has a `$setElementOrder` and puts it in that order; takes both out of the patch. */
function applyElementOrder(original: JsonMap, patch: JsonMap, schema: PatchSchema): void {
  for (const [directive, list] of Object.entries(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    delete patch[directive];
    const key = directive.slice(orderPrefix.length);
    const before = asList(original[key]);
    const changes = asList(patch[key]);
    const wanted = asList(list) ?? [];
    const { meta, schema: inner } = schema.field(key);
    checkOrder(changes ?? [], wanted, meta.mergeKey);
    const order =
      meta.mergeKey && before && changes ? orderAfterDeletions(before, changes, meta.mergeKey) : before;
    const merged = before && changes ? mergeField(before, changes, meta, inner) : (before ?? changes);
    if (!Array.isArray(merged)) continue;
    original[key] = orderBy(merged, wanted, order ?? [], meta.mergeKey);
    delete patch[key];
  }
}

/** Every item of the patch must stand in the order, in the same relative order. */
function checkOrder(changes: unknown[], order: unknown[], mergeKey: string | undefined): void {
  if (changes.length === 0 || order.length === 0) return;
  const identity = (item: unknown) => {
    if (mergeKey === undefined) return item;
    if (!isMap(item)) throw new PatchFormatError('invalid patch format of setElementOrder list');
    if (!(mergeKey in item)) throw noMergeKey(item, mergeKey);
    return item[mergeKey];
  };
  let next = 0;
  const kept = changes.filter((item) => !(isMap(item) && '$patch' in item));
  for (const item of order) {
    if (next < kept.length && identity(kept[next]) === identity(item)) next++;
  }
  if (next < kept.length) {
    throw new PatchFormatError(
      `The order in patch list:\n${JSON.stringify(changes)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
    );
  }
}

function deleteScalars(original: JsonMap, key: string, gone: unknown): void {
  const list = original[key];
  if (list === undefined) return;
  if (!Array.isArray(list) || !Array.isArray(gone)) {
    throw new PatchFormatError('invalid patch format of primitive list');
  }
  original[key] = list.filter((item) => !gone.includes(item));
}

export function noMergeKey(item: unknown, mergeKey: string): PatchFormatError {
  return new PatchFormatError(
    `map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`,
  );
}

export function notAMap(item: unknown): PatchFormatError {
  return new PatchFormatError(`expected a map[string]interface {}, but received a ${jsonType(item)}`);
}

function asList(value: unknown): unknown[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) {
    throw new PatchFormatError(`expected a []interface {}, but received a ${jsonType(value)}`);
  }
  return value;
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
