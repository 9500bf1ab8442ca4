import { type JsonMap, noMergeKey, notAMap, PatchFormatError } from './strategic.ts';

/** Union of two lists of scalars: what the patch has stands where the patch has it. */
export function mergeScalarLists(original: unknown[], patch: unknown[]): unknown[] {
  const merged = [...new Set([...original, ...patch])];
  return orderBy(merged, patch, original, undefined);
}

/**
 * Merges two lists of maps whose elements are known by `mergeKey`; elements of the patch may carry
 * `$patch: delete` or `$patch: replace`. `merge` joins two elements that have the same key, `add` takes one that is new.
 */
export function mergeElementLists(
  original: unknown[],
  patch: unknown[],
  mergeKey: string,
  { merge, add }: { merge(original: JsonMap, patch: JsonMap): JsonMap; add(patch: JsonMap): JsonMap },
): unknown[] {
  let merged = original;
  let replace = false;
  const plain: JsonMap[] = [];
  for (const item of patch as JsonMap[]) {
    const directive = item.$patch;
    if (directive === undefined) {
      plain.push(item);
    } else if (directive === 'delete') {
      const key = keyOf(item, mergeKey);
      merged = merged.filter((other) => (other as JsonMap)[mergeKey] !== key);
    } else if (directive === 'replace') {
      replace = true;
    } else if (directive === 'merge') {
      throw new PatchFormatError('merging lists cannot yet be specified in the patch');
    } else {
      throw new PatchFormatError(`unknown patch type: ${String(directive)} in map: ${JSON.stringify(item)}`);
    }
  }
  if (replace) return plain;
  const result = [...merged];
  for (const item of plain) {
    const key = keyOf(item, mergeKey);
    const at = result.findIndex((other) => (other as JsonMap)[mergeKey] === key);
    if (at < 0) result.push({ ...add(item), [mergeKey]: key });
    else result[at] = merge(result[at] as JsonMap, item);
  }
  return orderBy(result, plain, original, mergeKey);
}

/**
 * The order that items of the server keep when a patch deletes some and adds others: upstream's list
 * has by then closed its gaps and holds the first added items in the room that became free, so that
 * those stand behind what the patch does not name.
 */
export function orderAfterDeletions(before: unknown[], patch: unknown[], mergeKey: string): unknown[] {
  const keys = (items: JsonMap[]) => new Set(items.map((item) => item[mergeKey]));
  const changes = patch as JsonMap[];
  const known = keys(before as JsonMap[]);
  const deleted = keys(changes.filter((item) => item.$patch === 'delete'));
  const kept = (before as JsonMap[]).filter((item) => !deleted.has(item[mergeKey]));
  const fresh = changes.filter((item) => item.$patch === undefined && !known.has(item[mergeKey]));
  return [...kept, ...fresh].slice(0, before.length);
}

/**
 * Sorts `items`: those that `wanted` names in its order, the others as in `before`, the two interleaved
 * so that others stay in front of what they stood in front of. Upstream: `normalizeElementOrder`.
 */
export function orderBy(
  items: unknown[],
  wanted: unknown[],
  before: unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const identity = (item: unknown) => (mergeKey === undefined ? item : keyOf(item as JsonMap, mergeKey));
  const placeIn = (list: unknown[]) => {
    const places = new Map<unknown, number>();
    for (const [index, item] of list.entries()) {
      const key = identity(item);
      if (!places.has(key)) places.set(key, index);
    }
    return (item: unknown) => places.get(identity(item));
  };
  const wantedPlace = placeIn(wanted);
  const beforePlace = placeIn(before);
  const named = sortByPlace(
    items.filter((item) => wantedPlace(item) !== undefined),
    wantedPlace,
  );
  const others = sortByPlace(
    items.filter((item) => wantedPlace(item) === undefined),
    beforePlace,
  );
  return interleave(others, named, beforePlace);
}

function sortByPlace(items: unknown[], place: (item: unknown) => number | undefined): unknown[] {
  const end = Number.MAX_SAFE_INTEGER;
  return items.toSorted((a, b) => (place(a) ?? end) - (place(b) ?? end));
}

function interleave(
  others: unknown[],
  named: unknown[],
  place: (item: unknown) => number | undefined,
): unknown[] {
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const here = place(item);
    while (next < others.length) {
      const there = place(others[next]);
      if (here === undefined || there === undefined || there >= here) break;
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

function keyOf(item: JsonMap, mergeKey: string): unknown {
  if (typeof item !== 'object' || item === null) throw notAMap(item);
  if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
  return item[mergeKey];
}
