import { type Element, fieldElement } from './element.ts';
import { below, type Fields, hasElement, insert, isEmpty, union } from './fields.ts';
import { isMap, itemElement, itemsByElement, walkOf } from './items.ts';
import type { Shape } from './shape.ts';

/** Every leaf and list item that a value mentions. Upstream: structured-merge-diff `typed/tofieldset.go`. */
export function fieldSetOf(shape: Shape, value: unknown): Fields {
  const set: Fields = {};
  collect(set, [], shape, value);
  return set;
}

/**
 * The node of a value that is wholly new or wholly gone: itself and every leaf, item and field of it.
 * @param typed with what Go's encoder always writes
 */
export function wholeOf(shape: Shape, value: unknown, typed: boolean): Fields {
  const node: Record<string, Fields> = {};
  if (shape.form === 'scalar') return node;
  const walked = walkOf(shape, value);
  if (walked.form === 'list' && walked.shape.relation !== 'atomic' && Array.isArray(value)) {
    for (const [element, items] of itemsByElement(walked.shape, value)) {
      node[element] = items.length === 1 ? wholeOf(walked.shape.element, items[0], typed) : {};
    }
  } else if (walked.form === 'map' && !walked.atomic && isMap(value)) {
    for (const key in value) {
      const inner = value[key] === undefined ? undefined : walked.shapeOf(key);
      if (inner) node[fieldElement(key)] = wholeOf(inner, value[key], typed);
    }
    if (typed && shape.form === 'struct') {
      for (const [key, zero] of shape.always) {
        const inner = value[key] === undefined ? shape.field(key) : undefined;
        if (inner) node[fieldElement(key)] = wholeOf(inner, zero, typed);
      }
    }
  }
  return isEmpty(node) ? node : { '.': {}, ...node };
}

function collect(set: Fields, path: Element[], shape: Shape, value: unknown): void {
  const walked = walkOf(shape, value);
  const whole =
    walked.form === 'leaf' ||
    (walked.form === 'map' && walked.atomic) ||
    (walked.form === 'list' && walked.shape.relation === 'atomic');
  if (whole) {
    insert(set, path);
    return;
  }
  if (walked.form === 'list') {
    if (!Array.isArray(value)) return;
    for (const [element, items] of itemsByElement(walked.shape, value)) {
      path.push(element);
      if (items.length === 1) collect(set, path, walked.shape.element, items[0]);
      insert(set, path);
      path.pop();
    }
  } else if (walked.form === 'map' && isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      const inner = walked.shapeOf(key);
      if (!inner) continue;
      path.push(fieldElement(key));
      collect(set, path, inner, item);
      const empty = item === null || (isMap(item) && Object.keys(item).length === 0);
      if (empty || !walked.declared(key)) insert(set, path);
      path.pop();
    }
  }
}

/**
 * The value without the members of `items`; undefined where nothing is left, or where the whole is atomic.
 * Upstream: structured-merge-diff `typed/remove.go`.
 */
export function removeItems(shape: Shape, value: unknown, items: Fields): unknown {
  const walked = walkOf(shape, value);
  switch (walked.form) {
    case 'leaf':
      return value;
    case 'list': {
      if (!Array.isArray(value) || walked.shape.relation === 'atomic') return undefined;
      const left: unknown[] = [];
      for (const item of value) {
        const element = itemElement(walked.shape, item);
        if (hasElement(items, element)) continue;
        const inner = below(items, element);
        left.push(isEmpty(inner) ? item : removeItems(walked.shape.element, item, inner));
      }
      return left.length > 0 ? left : undefined;
    }
    case 'map': {
      if (!isMap(value) || walked.atomic) return undefined;
      const left: [string, unknown][] = [];
      for (const [key, item] of Object.entries(value)) {
        const element = fieldElement(key);
        if (hasElement(items, element)) continue;
        const inner = below(items, element);
        const type = walked.shapeOf(key);
        left.push([key, isEmpty(inner) || !type ? item : (removeItems(type, item, inner) ?? null)]);
      }
      return left.length > 0 ? Object.fromEntries(left) : undefined;
    }
  }
}

/** The set with every declared field on the way to a member a member too. Upstream: `EnsureNamedFieldsAreMembers`. */
export function withDeclaredParents(shape: Shape, set: Fields): Fields {
  const added: Fields = {};
  const visit = (path: Element[], shape: Shape | undefined, node: Fields) => {
    if (!shape) return;
    for (const element of Object.keys(node)) {
      if (element === '.') continue;
      const here = [...path, element];
      const isField = element.startsWith('f:');
      const map = shape.form === 'untyped' ? shape.map : shape;
      if (isField && map?.form === 'struct' && map.field(element.slice(2))) insert(added, here);
      visit(here, childShape(shape, element), node[element] ?? {});
    }
  };
  visit([], shape, set);
  return union(set, added);
}

/** The shape of what an element of a path leads to. */
export function childShape(shape: Shape, element: Element): Shape | undefined {
  if (shape.form === 'untyped') return shape.map ? childShape(shape.map, element) : shape;
  if (shape.form === 'list' || shape.form === 'map') return shape.element;
  return shape.form === 'struct' ? (shape.field(element.slice(2)) ?? shape.rest) : undefined;
}
