import { beforeAll, expect, it } from 'vitest';
import type { JSONSchemaProps } from '../../../api/types.ts';
import { checkRules } from './check.ts';
import { evaluateRules } from './evaluate.ts';
import { compile, loadCel } from './library.ts';

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
  ['self.min > 1', {}, {}, 'Invalid value: "object": no such key: min evaluating rule: self.min > 1'],
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

it('lets be what was wrong before and is as it was, but for rules of change', () => {
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: { old: ruled('self.min > 5'), other: { type: 'string' } },
  };
  const before = { old: { min: 1 }, other: 'a' };
  expect(evaluateRules({ old: { min: 1 }, other: 'b' }, before, schema, 'spec')).toEqual([]);
  expect(evaluateRules({ old: { min: 2 }, other: 'a' }, before, schema, 'spec')).toHaveLength(1);
  expect(evaluateRules({ old: { min: 1 } }, undefined, schema, 'spec')).toHaveLength(1);
  const change = ruled('self.min > oldSelf.min');
  expect(evaluateRules({ min: 1 }, { min: 1 }, change, 'spec')).toHaveLength(1);
});

it('gives an oldSelf that may be missing to rules that want that', () => {
  const schema = ruled('oldSelf.hasValue() ? self.min >= oldSelf.value().min : self.min == 0', {
    optionalOldSelf: true,
    message: 'begin at nothing, and grow',
  });
  expect(evaluateRules({ min: 0 }, undefined, schema, 'spec')).toEqual([]);
  expect(evaluateRules({ min: 1 }, undefined, schema, 'spec')).toHaveLength(1);
  expect(evaluateRules({ min: 2 }, { min: 1 }, schema, 'spec')).toEqual([]);
  expect(evaluateRules({ min: 1 }, { min: 2 }, schema, 'spec')).toHaveLength(1);
});

// From upstream's `apiserver/pkg/cel/library/*_test.go`.
const library: string[] = [
  ...['quantity("1.5Gi").isGreaterThan(quantity("1Gi"))', 'quantity("50k").add(20) == quantity("50020")'],
  ...[
    'quantity("50k").add(quantity("20k")).sub(20000) == quantity("50k")',
    'quantity("200M").compareTo(quantity("0.2G")) == 0',
  ],
  ...[
    'isQuantity("20Mi") && !isQuantity("20Mo")',
    'quantity("50.5").isInteger() == false',
    'quantity("1k").asInteger() == 1000',
  ],
  ...['quantity("50.703k").asApproximateFloat() == 50703.0', 'quantity("-1").sign() == -1'],
  ...[
    'url("https://example.com:80/path?k=a").getHost() == "example.com:80"',
    'url("https://[::1]:80/").getHostname() == "::1"',
  ],
  ...[
    'url("https://a.b/with space".replace(" ", "%20")).getEscapedPath() == "/with%20space"',
    'url("https://a:80/").getPort() == "80"',
  ],
  ...[
    'isURL("https://a.b/") && isURL("/path") && !isURL("../relative") && !isURL("a b")',
    'url("/p?k1=a&k2=b&k2=c").getQuery()["k2"] == ["b", "c"]',
  ],
  ...[
    'ip("192.168.0.1").family() == 4',
    'ip("2001:db8::68").family() == 6',
    'isIP("1.2.3.4") && !isIP("1.2.3.4.5")',
  ],
  ...[
    'ip.isCanonical("2001:db8::68") && !ip.isCanonical("2001:DB8::68")',
    'ip("127.0.0.1").isLoopback() && ip("0.0.0.0").isUnspecified()',
  ],
  ...[
    'ip("169.254.169.254").isLinkLocalUnicast() && ip("224.0.0.1").isLinkLocalMulticast()',
    'ip("192.168.0.1").isGlobalUnicast()',
  ],
  ...[
    'cidr("192.168.0.0/24").containsIP("192.168.0.1") && !cidr("192.168.0.0/24").containsIP(ip("192.168.1.1"))',
  ],
  ...[
    'cidr("192.168.0.0/16").containsCIDR("192.168.10.0/24") && !cidr("192.168.0.0/24").containsCIDR("192.168.0.0/16")',
  ],
  ...[
    'cidr("192.168.0.1/24").masked() == cidr("192.168.0.0/24")',
    'cidr("10.0.0.0/8").prefixLength() == 8',
    'cidr("10.1.0.0/8").ip() == ip("10.1.0.0")',
  ],
  ...['isCIDR("10.0.0.0/8") && !isCIDR("10.0.0.0/33")', 'string(ip("1.2.3.4")) == "1.2.3.4"'],
  ...[
    '"abc 123".find("[0-9]+") == "123"',
    '"123 abc 456".findAll("[0-9]+") == ["123", "456"]',
    '"1 2 3".findAll("[0-9]+", 2) == ["1", "2"]',
  ],
  ...[
    '[1, 2, 3].sum() == 6 && [1, 2].min() == 1 && [1, 2].max() == 2',
    '["a", "b"].isSorted() && [3, 1].isSorted() == false',
  ],
  ...['[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(5) == -1'],
  ...[
    'sets.contains([1, 2], [1])',
    'sets.equivalent([1, 1, 2], [2, 1])',
    'sets.intersects([1], [1, 2]) && !sets.intersects([1], [3])',
  ],
  ...[
    'format.dns1123Label().validate("ok").hasValue() == false',
    'format.dns1123Label().validate("NOT ok").value().size() > 0',
  ],
  ...[
    'format.named("dns1123Label").hasValue() && !format.named("nope").hasValue()',
    'format.uuid().validate("x").hasValue()',
  ],
  ...[
    '"%s has %d of %.2f%%".format(["a", 2, 1.5]) == "a has 2 of 1.50%"',
    '"%s".format([[1, "b"]]) == "[1, b]"',
  ],
  ...[
    '"a,b".split(",") == ["a", "b"] && "aXb".replace("X", "-", 0) == "aXb"',
    '"abc".charAt(1) == "b" && "abc".reverse() == "cba"',
  ],
];
it.each(library)('%s', (expression) => {
  const compiled = compile(expression);
  expect('problem' in compiled ? compiled.problem : compiled.program({})).toBe(true);
});
