import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { PatchMeta } from './merge-keys.ts';
import type { PatchSchema } from './patch-schema.ts';
import { type JsonMap, strategicMerge } from './strategic.ts';

const fields: Record<string, PatchMeta> = {
  list: { strategies: ['merge'], mergeKey: 'name' },
  ints: { strategies: ['merge'] },
  kept: { strategies: ['retainKeys'] },
};
const item: PatchSchema = {
  field: (name) => ({ meta: fields[name] ?? { strategies: [] }, schema: item }),
};

/**
 * What is there, the patch, what comes of it. The behaviours are those of upstream's table
 * (apimachinery `strategicpatch/patch_test.go`, release 1.20), all of which were run against this code.
 */
const cases: [string, string, string, string][] = [
  ['a field is added', '{name: 1}', '{value: 2}', '{name: 1, value: 2}'],
  ['null deletes', '{name: 1, value: 2}', '{value: null}', '{name: 1}'],
  ['null of an absent field is nothing', '{name: 1}', '{value: null}', '{name: 1}'],
  ['an added map loses its nulls', '{}', '{map: {a: 1, b: null}}', '{map: {a: 1}}'],
  ['a directive empties a map', '{map: {a: 1}}', '{map: {$patch: delete}}', '{map: {}}'],
  ['a directive replaces the whole', '{name: 1, value: 1}', '{other: a, $patch: replace}', '{other: a}'],
  ['scalars are united', '{ints: [1, 2]}', '{ints: [2, 3]}', '{ints: [1, 2, 3]}'],
  ['other lists are replaced', '{others: [1, 2]}', '{others: [3]}', '{others: [3]}'],
  ['replace empties a list', '{list: [{name: 1}, {name: 2}]}', '{list: [{$patch: replace}]}', '{list: []}'],
  [
    'replace keeps the other elements of the patch',
    '{list: [{name: 1}]}',
    '{list: [{name: 2}, {$patch: replace}]}',
    '{list: [{name: 2}]}',
  ],
  [
    'delete takes every element of that key',
    '{list: [{name: 1}, {name: 1}, {name: 2, value: a}, {name: 3}]}',
    '{list: [{name: 1, $patch: delete}, {name: 3, $patch: delete}]}',
    '{list: [{name: 2, value: a}]}',
  ],
  [
    'delete of a missing element',
    '{list: [{name: 1}]}',
    '{list: [{name: 2, $patch: delete}]}',
    '{list: [{name: 1}]}',
  ],
  ['two empty lists', '{list: []}', '{list: []}', '{list: []}'],
  [
    'elements stand where the patch has them',
    '{list: [{name: 1}, {name: 2, value: b}, {name: 3}]}',
    '{list: [{name: 3, value: c}, {name: 1, value: a}]}',
    '{list: [{name: 2, value: b}, {name: 3, value: c}, {name: 1, value: a}]}',
  ],
  ['scalars too', '{ints: [1, 2, 3]}', '{ints: [3, 1]}', '{ints: [2, 3, 1]}'],
  [
    'scalars deleted, added and ordered',
    '{ints: [1, 2, 3]}',
    '{$setElementOrder/ints: [1, 2, 4], $deleteFromPrimitiveList/ints: [3], ints: [4]}',
    '{ints: [1, 2, 4]}',
  ],
  [
    'an order moves elements the patch does not change',
    '{list: [{name: 1}, {name: 2}]}',
    '{$setElementOrder/list: [{name: 2}, {name: 1}]}',
    '{list: [{name: 2}, {name: 1}]}',
  ],
  [
    'an order may name elements that are nowhere',
    '{list: [{name: 1}, {name: 3}]}',
    '{$setElementOrder/list: [{name: 3}, {name: 2}, {name: 1}], list: [{name: 3, value: 3}, {name: 1, value: 1}]}',
    '{list: [{name: 3, value: 3}, {name: 1, value: 1}]}',
  ],
  [
    'elements only the server has keep their place',
    '{list: [{name: 1}, {name: 2, other: b}, {name: 3, other: d}]}',
    '{$setElementOrder/list: [{name: 2}, {name: 1}], list: [{name: 1, value: a}]}',
    '{list: [{name: 2, other: b}, {name: 1, value: a}, {name: 3, other: d}]}',
  ],
  [
    'an element added while another is deleted stands behind those of the server',
    '{list: [{name: 1}, {name: 2, other: b}, {name: 4, other: c}]}',
    '{$setElementOrder/list: [{name: 2}, {name: 3}], list: [{name: 3}, {name: 1, $patch: delete}]}',
    '{list: [{name: 2, other: b}, {name: 4, other: c}, {name: 3}]}',
  ],
  [
    'retainKeys clears what it does not name',
    '{kept: {name: a, value: b, other: c}}',
    '{kept: {$retainKeys: [name, value], value: d}}',
    '{kept: {name: a, value: d}}',
  ],
  [
    'an added map has no directives',
    '{}',
    '{map: {$retainKeys: [a], a: 1, inner: {$patch: delete}}}',
    '{map: {a: 1}}',
  ],
  ['a map in place of something else', '{map: 1}', '{map: {a: 1, b: null}}', '{map: {a: 1}}'],
  [
    'an added list loses nulls of its items',
    '{}',
    '{list: [{name: 1, value: null}, {name: 2, $patch: delete}]}',
    '{list: [{name: 1}]}',
  ],
  [
    'an added item too',
    '{list: []}',
    '{list: [{name: 1, value: null, $setElementOrder/ints: [1]}]}',
    '{list: [{name: 1}]}',
  ],
  [
    'retainKeys in a list of maps',
    '{list: [{name: bar}, {name: foo, value: a, other: x}]}',
    '{list: [{$retainKeys: [name, value], name: foo, value: b}]}',
    '{list: [{name: bar}, {name: foo, value: b}]}',
  ],
];

test.each(cases)('%s', (_what, original, patch, result) => {
  const before = parse(original) as JsonMap;
  expect(strategicMerge(before, parse(patch) as JsonMap, item)).toEqual(parse(result));
  expect(before).toEqual(parse(original));
});

test.each([
  ['{list: [{name: 1}]}', '{list: [{value: b}]}', 'does not contain declared merge key: name'],
  ['{ints: [1, 3, 2]}', '{$setElementOrder/ints: [1, 2, 3], ints: [3, 1]}', "doesn't match"],
  ['{list: [{name: 1}]}', '{list: [{name: 1, $patch: merge}]}', 'merging lists cannot yet be specified'],
  ['{kept: {a: 1}}', '{kept: {$retainKeys: [a], b: 2}}', 'invalid patch format of retainKeys'],
  ['{ints: [1]}', '{ints: [a]}', 'list element types are not identical'],
  [
    '{list: [{name: 1}]}',
    '{$setElementOrder/list: [z]}',
    'expected a map[string]interface {}, but received a string',
  ],
  ['{ints: [[1]]}', '{ints: [[2]]}', 'lists of lists are not supported'],
])('%s cannot take %s', (original, patch, reason) => {
  expect(() => strategicMerge(parse(original) as JsonMap, parse(patch) as JsonMap, item)).toThrow(reason);
});
