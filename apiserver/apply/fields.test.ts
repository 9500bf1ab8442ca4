import { describe, expect, it } from 'vitest';
import { canonicalElement, compareElements } from './element.ts';
import {
  difference,
  type Fields,
  has,
  inOrder,
  insert,
  intersection,
  type Path,
  parseFields,
  pathsOf,
  recursiveDifference,
  union,
} from './fields.ts';

const elements = ['f:a', 'f:b', 'k:{"name":"x"}', 'v:1'];

/** Sets of up to eight paths, the same for the same seed. */
function setsOf(seed: number, count: number): { fields: Fields; texts: Set<string> }[] {
  let state = seed * 7919 + 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  return Array.from({ length: count }, () => {
    const fields: Fields = {};
    const texts = new Set<string>();
    for (let left = random(9); left > 0; left--) {
      const path = Array.from({ length: 1 + random(3) }, () => elements[random(elements.length)] ?? '');
      insert(fields, path);
      texts.add(textOf(path));
    }
    return { fields, texts };
  });
}

const textOf = (path: Path) => path.join(' ');
const textsOf = (set: Fields) => pathsOf(set).map(textOf).sort();

describe('sets of paths', () => {
  it('are what sets of their texts are', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const [a, b] = setsOf(seed, 2);
      if (!a || !b) continue;
      expect(textsOf(a.fields)).toEqual([...a.texts].sort());
      expect(textsOf(union(a.fields, b.fields))).toEqual([...new Set([...a.texts, ...b.texts])].sort());
      const both = [...a.texts].filter((text) => b.texts.has(text)).sort();
      expect(textsOf(intersection(a.fields, b.fields))).toEqual(both);
      const only = [...a.texts].filter((text) => !b.texts.has(text)).sort();
      expect(textsOf(difference(a.fields, b.fields))).toEqual(only);
      const apart = only.filter((text) => ![...b.texts].some((other) => text.startsWith(`${other} `)));
      expect(textsOf(recursiveDifference(a.fields, b.fields))).toEqual(apart);
      for (const path of pathsOf(b.fields)) expect(has(a.fields, path)).toBe(a.texts.has(textOf(path)));
      expect(parseFields(JSON.parse(JSON.stringify(a.fields)))).toEqual(a.fields);
    }
  });

  /** Upstream: structured-merge-diff `fieldpath/{serialize,element}_test.go`. */
  it('stand in upstream’s order', () => {
    const mixed = [
      'i:2',
      'v:"b"',
      'k:{"a":2}',
      'f:b',
      'i:-1',
      'v:2',
      'v:true',
      'k:{"a":1,"b":1}',
      'f:a',
      'v:"a"',
    ];
    expect([...mixed].sort(compareElements)).toEqual([
      ...['f:a', 'f:b', 'k:{"a":1,"b":1}', 'k:{"a":2}'],
      ...['v:2', 'v:"a"', 'v:"b"', 'v:true', 'i:-1', 'i:2'],
    ]);
    const set = { 'v:1': {}, 'f:b': { 'f:z': {}, '.': {}, 'f:y': {} }, 'f:a': {} };
    expect(JSON.stringify(inOrder(set))).toBe('{"f:a":{},"f:b":{".":{},"f:y":{},"f:z":{}},"v:1":{}}');
  });

  it('are read in any spelling, without what is not known', () => {
    expect(canonicalElement('k:{"b": 1, "a":"x"}')).toBe('k:{"a":"x","b":1}');
    expect(canonicalElement('v: "a"')).toBe('v:"a"');
    expect(canonicalElement('i:007')).toBe('i:7');
    expect(canonicalElement('f:a "quoted" name')).toBe('f:a "quoted" name');
    expect(parseFields({ 'f:a': { 'x:new': {}, 'f:b': {} } })).toEqual({ 'f:a': { 'f:b': {} } });
  });

  it.each(['f', 'fa', 'i:x', 'k:x', 'k:[]', 'v:', 'v:{'])('%s is no step of a path', (text) => {
    expect(() => parseFields({ [text]: {} })).toThrow(SyntaxError);
  });
});
