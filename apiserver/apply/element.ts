/**
 * One step of a path as FieldsV1 writes it: `f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`.
 * Upstream: structured-merge-diff `fieldpath/{element,serialize-pe}.go`.
 */
export type Element = string;

/** Orders two elements as upstream does: fields, keys, values, indices; each kind by its content. */
export function compareElements(a: Element, b: Element): number {
  const kind = kinds.indexOf(a.charAt(0)) - kinds.indexOf(b.charAt(0));
  if (kind !== 0) return kind;
  const [left, right] = [a.slice(2), b.slice(2)];
  switch (a.charAt(0)) {
    case 'k':
      return compareKeys(JSON.parse(left) as Keys, JSON.parse(right) as Keys);
    case 'v':
      return compareScalars(JSON.parse(left), JSON.parse(right));
    case 'i':
      return Number(left) - Number(right);
  }
  return compareTexts(left, right);
}

type Keys = Record<string, unknown>;

const kinds = 'fkvi';

export function fieldElement(name: string): Element {
  return `f:${name}`;
}

/** @param keys with their values, in any order */
export function keyElement(keys: Readonly<Keys>): Element {
  const parts = Object.keys(keys)
    .sort(compareTexts)
    .map((name) => `${goJson(name)}:${goJson(keys[name])}`);
  return `k:{${parts.join(',')}}`;
}

export function valueElement(value: unknown): Element {
  return `v:${goJson(value)}`;
}

/** What an element is called in a message: `.spec`, `[name="web"]`, `[="a"]`, `[0]`. */
export function elementText(element: Element): string {
  const content = element.slice(2);
  switch (element.charAt(0)) {
    case 'k': {
      const keys = Object.entries(JSON.parse(content) as Keys);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${content}]`;
    case 'i':
      return `[${content}]`;
  }
  return `.${content}`;
}

/**
 * The same element in its one canonical spelling; undefined for kinds that are not known here, which upstream
 * drops. @throws SyntaxError where the content cannot be read
 */
export function canonicalElement(text: string): Element | undefined {
  if (text.length < 2) throw new SyntaxError(`key must be 2 characters long: ${JSON.stringify(text)}`);
  if (text.charAt(1) !== ':') throw new SyntaxError(`missing colon: ${text}`);
  const content = text.slice(2);
  switch (text.charAt(0)) {
    case 'f':
      return text;
    case 'v':
      return valueElement(JSON.parse(content));
    case 'k': {
      const keys: unknown = JSON.parse(content);
      if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) {
        throw new SyntaxError(`the keys of a list element are an object, not ${content}`);
      }
      return keyElement(keys as Keys);
    }
    case 'i':
      if (!/^-?\d+$/.test(content))
        throw new SyntaxError(`the index of a list element is no number: ${content}`);
      return `i:${Number(content)}`;
  }
  return undefined;
}

/** JSON with the characters escaped that Go's encoder escapes for HTML's sake. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function compareKeys(a: Keys, b: Keys): number {
  const [left, right] = [Object.keys(a), Object.keys(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [name = '', other = ''] = [left[i], right[i]];
    const difference = compareTexts(name, other) || compareScalars(a[name], b[other]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Numbers, then texts, then booleans. Upstream: `value.Compare`. */
function compareScalars(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  const order = ['number', 'string', 'boolean'];
  return order.indexOf(typeof a) - order.indexOf(typeof b) || Number(a) - Number(b);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
