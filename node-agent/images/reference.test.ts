import { describe, expect, it } from 'vitest';
import { canonicalName, familiarName, parseReference } from './reference.ts';

const canonical = (text: string) => {
  const parsed = parseReference(text);
  return parsed && canonicalName(parsed);
};
const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['curlimages/curl:8.1', 'docker.io/curlimages/curl:8.1'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/x:y', 'localhost:5000/x:y'],
    ['registry:5000/a/b:v1', 'registry:5000/a/b:v1'],
    ['[2001:db8::1]:5000/a', '[2001:db8::1]:5000/a:latest'],
    ['Registry/a', 'Registry/a:latest'],
    ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['a__b/c-_d'.replace('-_', '--'), 'docker.io/a__b/c--d:latest'],
    [`registry.k8s.io/pause:3.10@${digest}`, `registry.k8s.io/pause@${digest}`],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
  ])('reads %s as %s', (text, name) => {
    expect(canonical(text)).toBe(name);
  });

  it.each([
    '',
    'UPPER',
    'a b',
    'x:',
    '-x',
    'x-',
    'a..b',
    'a/',
    '/a',
    'a//b',
    'x@sha256:1',
    `x:${'t'.repeat(129)}`,
    'x:.t',
    'a'.repeat(256),
    'f'.repeat(64),
    'https://example.com/x',
  ])('refuses %j', (text) => {
    expect(parseReference(text)).toBeUndefined();
  });
});

it('familiar names are what people write', () => {
  expect(['docker.io/library/busybox:1', 'docker.io/a/b:1', 'quay.io/a:1'].map(familiarName)).toEqual([
    'busybox:1',
    'a/b:1',
    'quay.io/a:1',
  ]);
});
