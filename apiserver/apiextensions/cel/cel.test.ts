import { beforeAll, expect, it } from 'vitest';
import type { JSONSchemaProps } from '../../../api/types.ts';
import { checkRules } from './check.ts';
import { evaluateRules } from './evaluate.ts';
import { loadCel } from './library.ts';

beforeAll(loadCel);

const ruled = (rule: string, more: object = {}, type = 'object'): JSONSchemaProps => ({
  type,
  properties: {
    min: { type: 'integer' },
    max: { type: 'integer' },
    ratio: { type: 'number' },
    name: { type: 'string' },
    when: { type: 'string', format: 'date-time' },
    list: { type: 'array', items: { type: 'integer' } },
    namespace: { type: 'string' },
    'a-b': { type: 'string' },
  },
  'x-kubernetes-validations': [{ rule, ...more }],
});

const held: [string, object][] = [
  ['self.min <= self.max', { min: 1, max: 2 }],
  ['self.min % 2 == 0', { min: 4 }],
  ['self.ratio > self.min', { ratio: 1.5, min: 1 }],
  ['!has(self.name) || self.name.startsWith("a")', {}],
  ['self.list.all(x, x > 0) && self.list.sum() == 3 && self.list.isSorted()', { list: [1, 2] }],
  ['self.when < timestamp("2030-01-01T00:00:00Z")', { when: '2020-01-01T00:00:00Z' }],
  ['self.__namespace__ == "x" && self.a__dash__b == "y"', { namespace: 'x', 'a-b': 'y' }],
  ['self.name.find("[0-9]+") == "12" && self.name.replace("a", "b") == "b12"', { name: 'a12' }],
  ['self.name == oldSelf.name', { name: 'no object was there before' }],
];
it.each(held)('%s holds', (rule, value) => {
  const schema = ruled(rule);
  expect(checkRules(schema, 'schema')).toEqual([]);
  expect(evaluateRules(value, undefined, schema, 'spec')).toEqual([]);
});

const broken: [string, object, object, string][] = [
  [
    'self.min <= self.max',
    { min: 3, max: 2 },
    {},
    'Invalid value: "object": failed rule: self.min <= self.max',
  ],
  [
    'self.min <= self.max',
    { min: 3, max: 2 },
    { message: 'too large' },
    'Invalid value: "object": too large',
  ],
  [
    'self.min <= self.max',
    { min: 3, max: 2 },
    { messageExpression: '"at most " + string(self.max)' },
    'Invalid value: "object": at most 2',
  ],
  ['self.min > 1', { min: 1 }, { reason: 'FieldValueForbidden', message: 'no' }, 'Forbidden: no'],
  [
    'self.name == oldSelf.name',
    { name: 'b' },
    { message: 'name is immutable' },
    'Invalid value: "object": name is immutable',
  ],
  ['self.min > 1', {}, {}, 'Invalid value: "object": No such key: min evaluating rule: self.min > 1'],
];
it.each(broken)('%s of %j is broken', (rule, value, more, message) => {
  const [error] = evaluateRules(value, { name: 'a' }, ruled(rule, more), 'spec');
  expect(error).toMatchObject({ field: 'spec', message });
});

const refused: [string, object, string][] = [
  ['self.min <=', {}, 'compilation failed: Unexpected token: EOF'],
  ['unknownFunction(self)', {}, "compilation failed: found no matching overload for 'unknownFunction(dyn)'"],
  ['1 + 1', {}, 'cel expression must evaluate to a bool'],
  ['', {}, 'Required value: rule is not specified'],
  ['true', { message: ' ' }, 'message must be non-empty if specified'],
  ['true', { reason: 'Other' }, 'Unsupported value: "Other"'],
];
it.each(refused)('the rule %j is refused', (rule, more, text) => {
  expect(checkRules(ruled(rule, more), 'schema')[0]?.message).toContain(text);
});

it('knows items of a list that is a map by their keys', () => {
  const schema: JSONSchemaProps = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: ruled('self.min >= oldSelf.min', { message: 'may not shrink' }),
  };
  const before = [{ name: 'a', min: 2 }];
  const now = [
    { name: 'b', min: 1 },
    { name: 'a', min: 1 },
  ];
  expect(evaluateRules(now, before, schema, 'spec.list')).toMatchObject([{ field: 'spec.list[1]' }]);
});
