import { describe, expect, it } from 'vitest';
import { checkFields, parseFieldSelector, parseLabelSelector } from './selectors.ts';

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

  it.each(['app in web', '=web', 'app=a=b', 'a b', 'app>x', '-app'])('refuses %s', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(/unable to parse requirement/);
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
