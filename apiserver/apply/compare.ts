import { type Element, fieldElement } from './element.ts';
import { wholeOf } from './field-set.ts';
import { type Fields, graft, insert, recursiveDifference } from './fields.ts';
import { isEmptyMap, isMap, itemsByElement, type JsonMap, sameValue, type Walked, walkOf } from './items.ts';
import type { ListShape, Shape } from './shape.ts';

/** What differs between two values; no path is in more than one of the sets. */
export interface Comparison {
  removed: Fields;
  modified: Fields;
  added: Fields;
}

export interface CompareOptions {
  /**
   * Both values are what Go would read and write again: fields that its encoder always writes are there, whether
   * they are said or not.
   */
  typed?: boolean;
}

/** Compares two values of one shape. Upstream: structured-merge-diff `typed/compare.go`. */
export function compare(
  shape: Shape,
  before: unknown,
  after: unknown,
  { typed = false }: CompareOptions = {},
): Comparison {
  const comparison: Comparison = { removed: {}, modified: {}, added: {} };
  // Nothing at all is as good as null: there is no path that it could be added by.
  visit({ comparison, path: [], typed, inLeaf: false }, shape, before ?? null, after ?? null);
  return comparison;
}

/** Without `ignored` and all that lies below it. */
export function exclude({ removed, modified, added }: Comparison, ignored: Fields): Comparison {
  return {
    removed: recursiveDifference(removed, ignored),
    modified: recursiveDifference(modified, ignored),
    added: recursiveDifference(added, ignored),
  };
}

interface Walk {
  comparison: Comparison;
  path: Element[];
  typed: boolean;
  /** Set once a value that is owned whole is told of. */
  inLeaf: boolean;
}

function visit(walk: Walk, shape: Shape, left: unknown, right: unknown): void {
  if (shape.form === 'scalar') {
    if (left !== right) record(walk, left, right, true);
    return;
  }
  if (left === undefined) {
    graft(walk.comparison.added, walk.path, wholeOf(shape, right, walk.typed));
    return;
  }
  if (right === undefined) {
    graft(walk.comparison.removed, walk.path, wholeOf(shape, left, walk.typed));
    return;
  }
  walk.inLeaf = false;
  const [before, after] = [walkOf(shape, left), walkOf(shape, right)];
  if (before === after) handle(walk, shape, after, left, right);
  else {
    // What has no shape and became something else is told of in both ways.
    handle(walk, shape, before, left, right);
    walk.inLeaf = false;
    handle(walk, shape, after, left, right);
  }
  walk.inLeaf = false;
}

/** @param whole the value is owned whole, so that a change of it counts */
function record({ comparison, path }: Walk, left: unknown, right: unknown, whole: boolean): void {
  if (left === undefined) insert(comparison.added, path);
  else if (right === undefined) insert(comparison.removed, path);
  else if (whole && !sameValue(left, right)) insert(comparison.modified, path);
}

function handle(walk: Walk, shape: Shape, walked: Walked, left: unknown, right: unknown): void {
  if (walked.form === 'leaf') leaf(walk, left, right);
  else if (walked.form === 'list') {
    const before = Array.isArray(left) ? left : [];
    const after = Array.isArray(right) ? right : [];
    const whole = walked.shape.relation === 'atomic' || before.length + after.length === 0;
    if (whole) leaf(walk, left, right);
    else visitItems(walk, walked.shape, before, after);
  } else {
    const before = complete(walk, shape, left);
    const after = complete(walk, shape, right);
    const whole = walked.atomic || (isEmptyMap(before) && isEmptyMap(after));
    if (whole) leaf(walk, before, after);
    else visitFields(walk, walked, isMap(before) ? before : {}, isMap(after) ? after : {});
  }
}

function leaf(walk: Walk, left: unknown, right: unknown): void {
  record(walk, left, right, true);
  walk.inLeaf = true;
}

/** The value with the fields that Go's encoder always writes. */
function complete({ typed }: Walk, shape: Shape, value: unknown): unknown {
  if (!typed || shape.form !== 'struct' || !isMap(value) || shape.always.length === 0) return value;
  let completed: Record<string, unknown> | undefined;
  for (const [field, zero] of shape.always) {
    if (value[field] !== undefined) continue;
    completed ??= { ...value };
    completed[field] = zero;
  }
  return completed ?? value;
}

function visitFields(
  walk: Walk,
  walked: Extract<Walked, { form: 'map' }>,
  left: JsonMap,
  right: JsonMap,
): void {
  const one = (key: string) => {
    const shape = walked.shapeOf(key);
    if (!shape || left[key] === right[key]) return;
    walk.path.push(fieldElement(key));
    visit(walk, shape, left[key], right[key]);
    walk.path.pop();
  };
  for (const key of Object.keys(left)) one(key);
  for (const key of Object.keys(right)) if (!Object.hasOwn(left, key)) one(key);
  walk.inLeaf = false;
}

function visitItems(walk: Walk, shape: ListShape, left: readonly unknown[], right: readonly unknown[]): void {
  const [before, after] = [itemsByElement(shape, left), itemsByElement(shape, right)];
  for (const element of new Set([...before.keys(), ...after.keys()])) {
    const [was = [], is = []] = [before.get(element), after.get(element)];
    walk.path.push(element);
    if (was.length <= 1 && is.length <= 1) visit(walk, shape.element, was[0], is[0]);
    else if (was.length > 1 && is.length > 1) record(walk, was, is, true);
    else if (was.length > 1) {
      // Items that are there twice are owned as one; the one that stays is new.
      if (is.length > 0) visit(walk, shape.element, undefined, is[0]);
      insert(walk.comparison.removed, walk.path);
    } else {
      if (was.length > 0) visit(walk, shape.element, was[0], undefined);
      insert(walk.comparison.added, walk.path);
    }
    walk.path.pop();
  }
  walk.inLeaf = false;
}
