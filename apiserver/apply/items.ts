import { type Element, keyElement, valueElement } from './element.ts';
import { atomicList, type ListShape, type Shape, untyped } from './shape.ts';

export type JsonMap = Readonly<Record<string, unknown>>;

/** A value that does not fit its shape; `path` as in `.spec.ports`. Upstream: `typed.ValidationError`. */
export class ShapeError extends Error {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(path ? `${path}: ${reason}` : reason);
    this.name = 'ShapeError';
    this.path = path;
    this.reason = reason;
  }
}

/** The step that leads to an item of a list that is owned item by item. @throws ShapeError without a path */
export function itemElement(shape: ListShape, item: unknown): Element {
  if (shape.relation === 'set') {
    if (isMap(item))
      throw new ShapeError('', "associative list without keys has an element that's a map type");
    if (Array.isArray(item)) {
      throw new ShapeError('', 'not supported: associative list with lists as elements');
    }
    if (item === null) {
      throw new ShapeError('', "associative list without keys has an element that's an explicit null");
    }
    return valueElement(item);
  }
  if (item === null) throw new ShapeError('', 'associative list with keys may not have a null element');
  if (!isMap(item)) throw new ShapeError('', 'associative list with keys may not have non-map elements');
  const keys: Record<string, unknown> = {};
  for (const key of shape.keys) {
    const value = item[key] ?? shape.keyDefaults[key];
    if (value === undefined) {
      throw new ShapeError(
        '',
        `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
      );
    }
    keys[key] = value;
  }
  return keyElement(keys);
}

/** The items by the step that leads to them, in their order; several of one step are duplicates. */
export function itemsByElement(shape: ListShape, items: readonly unknown[]): Map<Element, unknown[]> {
  const found = new Map<Element, unknown[]>();
  for (const item of items) {
    const element = itemElement(shape, item);
    const same = found.get(element);
    if (same) same.push(item);
    else found.set(element, [item]);
  }
  return found;
}

/** How a value is walked: by its shape, or, where that says nothing, by what it is. */
export type Walked =
  | { form: 'leaf' }
  | { form: 'map'; atomic: boolean; shapeOf(key: string): Shape | undefined; declared(key: string): boolean }
  | { form: 'list'; shape: ListShape };

const leaf: Walked = { form: 'leaf' };
const anyMap: Walked = { form: 'map', atomic: false, shapeOf: () => untyped, declared: () => false };
const anyList: Walked = { form: 'list', shape: atomicList(untyped) };

const walks = new WeakMap<Shape, Walked>();

/** How to walk a value. */
export function walkOf(shape: Shape, value: unknown): Walked {
  if (shape.form === 'untyped') {
    if (Array.isArray(value)) return anyList;
    if (typeof value !== 'object') return leaf;
    if (!shape.map) return anyMap;
    return walkOf(shape.map, value);
  }
  let walk = walks.get(shape);
  if (!walk) {
    walk = createWalk(shape);
    walks.set(shape, walk);
  }
  return walk;
}

function createWalk(shape: Exclude<Shape, { form: 'untyped' }>): Walked {
  switch (shape.form) {
    case 'scalar':
      return leaf;
    case 'list':
      return { form: 'list', shape };
    case 'map':
      return { form: 'map', atomic: shape.atomic, shapeOf: () => shape.element, declared: () => false };
    case 'struct':
      return {
        form: 'map',
        atomic: shape.atomic,
        shapeOf: (key) => shape.field(key) ?? shape.rest,
        declared: (key) => shape.field(key) !== undefined,
      };
  }
}

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isEmptyMap(value: unknown): boolean {
  if (!isMap(value)) return true;
  for (const _ in value) return false;
  return true;
}

/** Deep equality of JSON values; maps regardless of their order. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
  );
}
