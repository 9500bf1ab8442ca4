import { canonicalElement, compareElements, type Element } from './element.ts';

/**
 * A set of paths, in the very form that `fieldsV1` of a managed fields entry has: each key is one step further.
 * A path is in the set where it ends in `{}`, or in an object that has the key `.` beside those of its children.
 * The outermost object is the whole set, `{}` the empty one. Never changed once made, but for {@link insert}.
 *
 * Upstream: structured-merge-diff `fieldpath/{set,serialize}.go`.
 */
export interface Fields {
  readonly [element: Element]: Fields;
}

type Growing = { [element: Element]: Growing };

export type Path = readonly Element[];

const self = '.';

/** Adds one path, not its parents, to a set that the caller is still making; the empty path is nobody's. */
export function insert(set: Fields, path: Path): void {
  let node = set as Growing;
  for (const [index, element] of path.entries()) {
    const child = node[element];
    const last = index === path.length - 1;
    if (child === undefined) {
      const made: Growing = {};
      node[element] = made;
      node = made;
    } else {
      // A child without children is a member itself, which it stays with children.
      if (isLeaf(child) !== last) child[self] = {};
      node = child;
    }
  }
}

/** Puts a node, a member with all that is below it, where nothing was. */
export function graft(set: Fields, path: Path, node: Fields): void {
  const parent = path.slice(0, -1);
  const last = path.at(-1);
  if (last === undefined) return;
  let here = set as Growing;
  for (const element of parent) {
    let child = here[element];
    if (child === undefined) {
      child = {};
      here[element] = child;
    } else if (isEmpty(child)) child[self] = {};
    here = child;
  }
  here[last] = node as Growing;
}

export function isEmpty(set: Fields): boolean {
  for (const _ in set) return false;
  return true;
}

/** True when the path itself is a member. */
export function has(set: Fields, path: Path): boolean {
  let node: Fields | undefined = set;
  for (const element of path) {
    node = node[element];
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

/** The paths of all members, a parent before its children, in canonical order. */
export function pathsOf(set: Fields, prefix: Path = []): Path[] {
  const elements = childrenOf(set).sort(compareElements);
  const own = elements.filter((element) => isMember(set[element]));
  return [
    ...own.map((element) => [...prefix, element]),
    ...elements.flatMap((element) => pathsOf(set[element] ?? {}, [...prefix, element])),
  ];
}

/** What is below one element; empty when nothing is. */
export function below(set: Fields, element: Element): Fields {
  const node = set[element];
  if (node === undefined || !(self in node)) return node ?? {};
  const { [self]: _, ...children } = node;
  return children;
}

/** True when one element is a member of its own. */
export function hasElement(set: Fields, element: Element): boolean {
  return isMember(set[element]);
}

export function union(a: Fields, b: Fields): Fields {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  const out: Growing = { ...(a as Growing) };
  for (const element of childrenOf(b)) {
    const [left, right] = [a[element], b[element]];
    if (left === undefined) out[element] = right as Growing;
    else put(out, element, isMember(left) || isMember(right), union(below(a, element), below(b, element)));
  }
  return out;
}

/** Members of both. */
export function intersection(a: Fields, b: Fields): Fields {
  const out: Growing = {};
  for (const element of childrenOf(a)) {
    const [left, right] = [a[element], b[element]];
    if (right === undefined) continue;
    put(out, element, isMember(left) && isMember(right), intersection(below(a, element), below(b, element)));
  }
  return out;
}

/** Members of `a` that are not members of `b`; children of a removed member stay. */
export function difference(a: Fields, b: Fields): Fields {
  if (isApart(a, b)) return a;
  const out: Growing = {};
  for (const element of childrenOf(a)) {
    const [left, right] = [a[element], b[element]];
    if (right === undefined) out[element] = left as Growing;
    else
      put(out, element, isMember(left) && !isMember(right), difference(below(a, element), below(b, element)));
  }
  return out;
}

/** The same, with the children of removed members. */
export function recursiveDifference(a: Fields, b: Fields): Fields {
  if (isApart(a, b)) return a;
  const out: Growing = {};
  for (const element of childrenOf(a)) {
    const [left, right] = [a[element], b[element]];
    if (isMember(right)) continue;
    if (right === undefined) out[element] = left as Growing;
    else put(out, element, isMember(left), recursiveDifference(below(a, element), below(b, element)));
  }
  return out;
}

/** The same set with its keys in upstream's order; itself when they are. */
export function inOrder(set: Fields): Fields {
  const keys = Object.keys(set);
  const sorted = keys.every((key, index) => index === 0 || precedes(keys[index - 1] ?? '', key))
    ? keys
    : keys.toSorted((a, b) => (precedes(a, b) ? -1 : 1));
  let changed = sorted !== keys;
  const out: Growing = {};
  for (const key of sorted) {
    const child = set[key] ?? {};
    const ordered = inOrder(child);
    changed ||= ordered !== child;
    out[key] = ordered as Growing;
  }
  return changed ? out : set;
}

/** Reads a set that somebody else wrote. @throws SyntaxError */
export function parseFields(value: unknown): Fields {
  const out: Growing = {};
  if (value === undefined || value === null) return out;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new SyntaxError('a set of fields is an object');
  for (const [text, child] of Object.entries(value)) {
    const element = text === self ? self : canonicalElement(text);
    if (element !== undefined) out[element] = (element === self ? {} : parseFields(child)) as Growing;
  }
  return out;
}

/** True when the two have no path in common, so that one takes nothing from the other. */
function isApart(a: Fields, b: Fields): boolean {
  for (const element in b) {
    const left = a[element];
    const right = b[element];
    if (element === self || left === undefined || right === undefined) continue;
    if (isMember(right) || !isApart(left, right)) return false;
  }
  return true;
}

function precedes(a: string, b: string): boolean {
  if (a.charAt(0) === 'f' && b.charAt(0) === 'f') return a <= b;
  if (a === self || b === self) return a === self;
  return compareElements(a, b) <= 0;
}

function childrenOf(set: Fields): Element[] {
  const keys = Object.keys(set);
  return self in set ? keys.filter((key) => key !== self) : keys;
}

function isLeaf(node: Fields): boolean {
  return isEmpty(node);
}

function isMember(node: Fields | undefined): boolean {
  return node !== undefined && (self in node || isEmpty(node));
}

function put(set: Growing, element: Element, member: boolean, children: Fields): void {
  if (isEmpty(children)) {
    if (member) set[element] = {};
    else delete set[element];
  } else set[element] = (member ? { [self]: {}, ...children } : children) as Growing;
}
