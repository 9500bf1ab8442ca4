import { describe, expect, it } from 'vitest';
import type { PolicyRule } from '../../../api/types.ts';
import { missingRules, ruleLines } from './covers.ts';

const rule = (verbs: string, group: string, resources: string, names = ''): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [group],
  resources: resources.split(' '),
  ...(names ? { resourceNames: names.split(' ') } : {}),
});
const urls = (verbs: string, paths: string): PolicyRule => ({
  verbs: verbs.split(' '),
  nonResourceURLs: paths.split(' '),
});

// From upstream's `component-helpers/auth/rbac/validation/policy_comparator_test.go`.
const table: [string, PolicyRule[], PolicyRule[], string[]][] = [
  ['the same', [rule('get', 'v1', 'builds')], [rule('get', 'v1', 'builds')], []],
  [
    'another group',
    [rule('get', 'v1', 'builds')],
    [rule('get', 'v2', 'builds')],
    ['{APIGroups:["v2"], Resources:["builds"], Verbs:["get"]}'],
  ],
  [
    'several from several',
    [rule('get', 'v1', 'deployments builds'), rule('update', 'v1', 'builds')],
    [rule('update get', 'v1', 'deployments builds')],
    ['{APIGroups:["v1"], Resources:["deployments"], Verbs:["update"]}'],
  ],
  ['any verb', [rule('*', 'v1', '*')], [rule('get', 'v1', 'a b/c')], []],
  [
    'not every verb',
    [rule('get', 'v1', 'a')],
    [rule('*', 'v1', 'a')],
    ['{APIGroups:["v1"], Resources:["a"], Verbs:["*"]}'],
  ],
  ['a subresource of any', [rule('get', 'v1', '*/scale')], [rule('get', 'v1', 'foo/scale */scale')], []],
  [
    'not the resource of that',
    [rule('get', 'v1', '*/scale')],
    [rule('get list', 'v1', 'foo')],
    ['{APIGroups:["v1"], Resources:["foo"], Verbs:["get" "list"]}'],
  ],
  [
    'names',
    [rule('get', 'v1', 'foo', 'one two')],
    [rule('get', 'v1', 'foo', 'two three')],
    ['{APIGroups:["v1"], Resources:["foo"], ResourceNames:["three"], Verbs:["get"]}'],
  ],
  ['a name of all', [rule('get', 'v1', 'foo')], [rule('get', 'v1', 'foo', 'one')], []],
  [
    'all beyond a name',
    [rule('get', 'v1', 'foo', 'one')],
    [rule('get', 'v1', 'foo')],
    ['{APIGroups:["v1"], Resources:["foo"], Verbs:["get"]}'],
  ],
  ['paths below', [urls('get', '/a/*')], [urls('get', '/a/b /a/b/*')], []],
  [
    'paths beside',
    [urls('get', '/a/*')],
    [urls('get post', '/a /a/b')],
    [
      '{NonResourceURLs:["/a"], Verbs:["get"]}',
      '{NonResourceURLs:["/a"], Verbs:["post"]}',
      '{NonResourceURLs:["/a/b"], Verbs:["post"]}',
    ],
  ],
];

describe('what a rule gives beyond others', () => {
  it.each(table)('%s', (_, held, wanted, missing) => {
    expect(ruleLines(missingRules(held, wanted))).toEqual(missing);
  });
});
