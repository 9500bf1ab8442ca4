import { expect, test } from 'vitest';
import type { PodTemplateSpec } from '../../api/types.ts';
import { fnv1a32, hashLabel, safeEncode, sameTemplate, templateHash } from './template-hash.ts';

test('FNV-1a and its alphabet are upstream’s', () => {
  // Test vectors of the FNV reference (draft-eastlake-fnv), and of apimachinery's rand_test.go.
  expect(fnv1a32(Buffer.from(''))).toBe(0x811c9dc5);
  expect(fnv1a32(Buffer.from('a'))).toBe(0xe40c292c);
  expect(fnv1a32(Buffer.from('foobar'))).toBe(0xbf9cf968);
  expect(safeEncode('')).toBe('');
  expect(safeEncode('0123456789')).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
});

test('the hash follows the template and the collision count, not the order of keys', () => {
  const template = {
    metadata: { labels: { a: '1', b: '2' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const reordered = {
    spec: { containers: [{ image: 'i', name: 'c' }] },
    metadata: { labels: { b: '2', a: '1' } },
  };
  expect(templateHash(template)).toBe(templateHash(reordered));
  expect(templateHash(template)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  expect(templateHash(template, 1)).not.toBe(templateHash(template));
  expect(templateHash({ ...template, spec: { containers: [] } })).not.toBe(templateHash(template));
});

test('templates are compared without the hash label', () => {
  const spec = { containers: [{ name: 'c' }] };
  expect(
    sameTemplate(
      { metadata: { labels: { a: '1', [hashLabel]: 'x' } }, spec },
      { metadata: { labels: { a: '1' } }, spec },
    ),
  ).toBe(true);
  expect(
    sameTemplate({ metadata: { labels: { a: '1' } }, spec }, { metadata: { labels: { a: '2' } }, spec }),
  ).toBe(false);
});

test('what a Go client adds does not make another template', () => {
  const bare: PodTemplateSpec = {
    spec: { containers: [{ name: 'c' }], volumes: [{ name: 'v', emptyDir: {} }] },
  };
  const typed = {
    metadata: { creationTimestamp: null, labels: {} },
    spec: { containers: [{ name: 'c', resources: {} }], volumes: [{ name: 'v', emptyDir: {} }] },
  };
  expect(sameTemplate(bare, JSON.parse(JSON.stringify(typed)))).toBe(true);
  expect(templateHash(bare)).toBe(templateHash(JSON.parse(JSON.stringify(typed))));
  const other: PodTemplateSpec = { spec: { containers: [{ name: 'c' }], volumes: [{ name: 'v' }] } };
  expect(sameTemplate(bare, other)).toBe(false);
});
