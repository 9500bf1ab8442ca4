import { describe, expect, it, test } from 'vitest';
import {
  addressAt,
  canonicalAddress,
  cidrOf,
  contains,
  familyOf,
  formatAddress,
  indexOf,
  joinHostPort,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
  subnetAt,
} from './address.ts';

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['255.255.255.255', '255.255.255.255'],
  ['010.000.000.001', '10.0.0.1'],
  ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
  ['FD00::ABCD', 'fd00::abcd'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['fd00:0:0:1:0:0:0:2', 'fd00:0:0:1::2'],
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
  '10.0.0.0001',
  '10.0.0.+1',
  '1.2.3.4.5',
  ':::',
  '1::2::3',
  'fd00',
  'g::1',
  'fd00::1%eth0',
  '12345::1',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7',
  '1.2.3.4::',
])('%j is no address', (text) => {
  expect(familyOf(text)).toBeUndefined();
});

test('addresses are numbers', () => {
  expect(parseAddress('10.96.0.1')).toEqual({ family: 'IPv4', value: 0x0a600001n });
  expect(parseAddress('fd00::1')).toEqual({ family: 'IPv6', value: (0xfd00n << 112n) | 1n });
  expect(formatAddress('IPv4', 0xfffffff0n)).toBe('255.255.255.240');
  expect(formatAddress('IPv6', 1n << 64n)).toBe('0:0:0:1::');
});

describe('parseCidr', () => {
  it('drops host bits and knows its size', () => {
    const cidr = parseCidr('10.103.184.52/12');
    expect(cidr).toEqual({ text: '10.96.0.0/12', family: 'IPv4', bits: 12, base: 0x0a600000n });
    expect(sizeOf(cidr)).toBe(1n << 20n);
    expect(parseCidr('::/0').text).toBe('::/0');
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    'x/8',
    '10.0.0.0/',
    'fd00::/129',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
  ])('refuses %s', (text) => {
    expect(() => parseCidr(text)).toThrow(`invalid CIDR address: ${text}`);
    expect(cidrOf(text)).toBeUndefined();
  });
});

describe('networks', () => {
  it('hold their addresses and no others', () => {
    const network = parseCidr('203.0.113.77/25');
    expect(
      ['203.0.113.0', '203.0.113.127', '203.0.113.128', 'fd00::1', 'None'].map((ip) => contains(network, ip)),
    ).toEqual([true, true, false, false, false]);
  });

  it.each([
    ['10.0.0.0/8', '10.244.0.0/16', true],
    ['10.244.0.0/16', '10.0.0.0/8', true],
    ['10.96.0.0/12', '10.244.0.0/16', false],
    ['fd00::/64', 'fd00::1:0:0:0/80', true],
    ['fd00::/64', '10.0.0.0/8', false],
    ['::/0', '0.0.0.0/0', false],
  ])('%s overlaps %s: %s', (one, other, expected) => {
    expect(overlaps(parseCidr(one), parseCidr(other))).toBe(expected);
  });

  it('are counted through', () => {
    const cidr = parseCidr('10.96.0.0/12');
    expect(addressAt(cidr, 10)).toBe('10.96.0.10');
    expect(indexOf(cidr, '10.96.1.0')).toBe(256);
    expect(() => indexOf(cidr, '10.1.0.0')).toThrow('10.1.0.0 is no address of 10.96.0.0/12');
    expect(() => addressAt(parseCidr('10.0.0.0/30'), 4)).toThrow('10.0.0.0/30 has no address number 4');
    expect(subnetAt(parseCidr('10.244.0.0/16'), 24, 3)).toBe('10.244.3.0/24');
    expect(subnetAt(parseCidr('fd00::/48'), 64, 1)).toBe('fd00:0:0:1::/64');
  });
});

test('IPv6 with a port stands in brackets', () => {
  expect(joinHostPort('fd00::1', 80)).toBe('[fd00::1]:80');
  expect(joinHostPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
});
