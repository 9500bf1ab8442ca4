import { expect, test } from 'vitest';
import { canonicalAddress, contains, familyOf, joinHostPort, parseCidr } from './address.ts';

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['010.000.000.001', '10.0.0.1'],
  ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
])('%s is written %s', (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical);
});

test.each([
  '',
  'None',
  '10.0.0',
  '10.0.0.256',
  '1.2.3.4.5',
  ':::',
  '1::2::3',
  'fd00',
  'g::1',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7',
])('%j is no address', (text) => {
  expect(familyOf(text)).toBeUndefined();
});

test('a network holds its addresses and no others', () => {
  const network = parseCidr('203.0.113.77/25');
  if (!network) throw new Error('not parsed');
  expect(network.text).toBe('203.0.113.0/25');
  expect(
    ['203.0.113.0', '203.0.113.127', '203.0.113.128', 'fd00::1'].map((ip) => contains(network, ip)),
  ).toEqual([true, true, false, false]);
});

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', 'fd00::/129', '10.0.0.0/8/8'])(
  '%j is no network',
  (text) => {
    expect(parseCidr(text)).toBeUndefined();
  },
);

test('IPv6 with a port stands in brackets', () => {
  expect(joinHostPort('fd00::1', 80)).toBe('[fd00::1]:80');
  expect(joinHostPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
});
