import { describe, expect, it } from 'vitest';
import { addressAt, indexOf, parseCidr, subnetAt, toNumber, toText } from './cidr.ts';

describe('parseCidr', () => {
  it('drops host bits and knows its size', () => {
    const cidr = parseCidr('10.103.184.52/12');
    expect(cidr.text).toBe('10.96.0.0/12');
    expect(cidr.size).toBe(2 ** 20);
    expect(cidr.contains('10.111.255.255')).toBe(true);
    expect(cidr.contains('10.112.0.0')).toBe(false);
    expect(cidr.contains('fd00::1')).toBe(false);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'x/8', '10.0.0.0/', 'fd00::/129', '10.0.0.0/-1'])(
    'refuses %s',
    (text) => {
      expect(() => parseCidr(text)).toThrow(`invalid CIDR address: ${text}`);
    },
  );

  it.each([
    ['10.0.0.0/8', '10.244.0.0/16', true],
    ['10.244.0.0/16', '10.0.0.0/8', true],
    ['10.96.0.0/12', '10.244.0.0/16', false],
    ['fd00::/64', 'fd00::1:0:0:0/80', true],
    ['fd00::/64', '10.0.0.0/8', false],
  ])('%s overlaps %s: %s', (one, other, expected) => {
    expect(parseCidr(one).overlaps(parseCidr(other))).toBe(expected);
  });
});

describe('addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['fd00:0:0:1:0:0:0:2', 'fd00:0:0:1::2'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['FD00::ABCD', 'fd00::abcd'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
  ])('prints %s as %s', (text, canonical) => {
    expect(toText(toNumber(text), 6)).toBe(canonical);
  });

  it('counts within a network', () => {
    const cidr = parseCidr('10.96.0.0/12');
    expect(addressAt(cidr, 10)).toBe('10.96.0.10');
    expect(indexOf(cidr, '10.96.1.0')).toBe(256);
    expect(() => addressAt(parseCidr('10.0.0.0/30'), 4)).toThrow('10.0.0.0/30 has no address number 4');
    expect(subnetAt(parseCidr('10.244.0.0/16'), 24, 3)).toBe('10.244.3.0/24');
    expect(subnetAt(parseCidr('fd00::/48'), 64, 1)).toBe('fd00:0:0:1::/64');
  });
});
