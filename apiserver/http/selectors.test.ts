import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';
import { checkFields, parseFieldSelector } from './selectors.ts';

const labels = { app: 'web', tier: 'front', 'example.com/rank': '7', empty: '' };

describe('parseLabelSelector', () => {
  it.each([
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app = web , tier != back', true],
    ['app=web,tier=back', false],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (api, web)', true],
    ['app in (api)', false],
    ['app notin (api,db)', true],
    ['missing notin (x)', true],
    ['missing in ()', false],
    ['app', true],
    ['!app', false],
    ['! missing', true],
    ['example.com/rank>6', true],
    ['example.com/rank < 7', false],
    ['missing>1', false],
    ['empty=', true],
    ['', true],
    ['app in (web),tier in (front,back),!missing', true],
  ])('%s', (text, expected) => {
    expect(parseLabelSelector(text)(labels)).toBe(expected);
  });

  it.each([
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['app=a=b', "found '=', expected: ',' or 'end of string'"],
    ['x=a||y=b', 'unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be'],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['!x=a', "found '=', expected: ',' or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a=!', "unable to parse requirement: found '!', expected: identifier"],
    [
      'app>x',
      "unable to parse requirement: values[0][app]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['-app', 'unable to parse requirement: key: Invalid value: "-app": name part must consist of'],
    ['a in (b,-c)', 'unable to parse requirement: values[0][a]: Invalid value: "-c": a valid label must be'],
  ])('refuses %s', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('takes keys and values that are words of its own', () => {
    expect(parseLabelSelector('in in (in,notin),notin')({ in: 'notin', notin: '' })).toBe(true);
    expect(parseLabelSelector('a in (,x)')({ a: '' })).toBe(true);
    expect(parseLabelSelector('a notin (,)')({ a: '' })).toBe(false);
  });

  it('is not fooled by what every JavaScript object has', () => {
    expect(parseLabelSelector('constructor')({})).toBe(false);
  });
});

describe('parseFieldSelector', () => {
  it('reads terms, negation and escapes', () => {
    expect(parseFieldSelector('metadata.name=web,spec.nodeName!=a\\,b,x==\\=y')).toEqual([
      { field: 'metadata.name', equal: true, value: 'web' },
      { field: 'spec.nodeName', equal: false, value: 'a,b' },
      { field: 'x', equal: true, value: '=y' },
    ]);
  });

  it('refuses what is no term, and fields that are not offered', () => {
    expect(() => parseFieldSelector('metadata.name')).toThrow(/can't understand "metadata.name"/);
    expect(() =>
      checkFields(parseFieldSelector('a=b'), ['metadata.name', 'metadata.namespace', 'c']),
    ).toThrow('field label not supported: a');
  });
});
