import { describe, expect, test } from 'vitest';
import { createCidrSet } from './cidr-set.ts';

describe('createCidrSet', () => {
  test('gives out parts in order, and the freed one only after all others', () => {
    const set = createCidrSet('10.244.0.0/22', 24);
    expect([set.allocate(), set.allocate()]).toEqual(['10.244.0.0/24', '10.244.1.0/24']);
    set.release('10.244.0.0/24');
    expect([set.allocate(), set.allocate(), set.allocate()]).toEqual([
      '10.244.2.0/24',
      '10.244.3.0/24',
      '10.244.0.0/24',
    ]);
    expect(() => set.allocate()).toThrow('10.244.0.0/22');
  });

  test('never gives out what is occupied, however large', () => {
    const set = createCidrSet('10.244.0.0/16', 24);
    set.occupy('10.244.0.0/23');
    expect(set.allocate()).toBe('10.244.2.0/24');
    expect(() => set.occupy('10.245.0.0/24')).toThrow('out of the range');
    expect(() => set.occupy('fd00::/64')).toThrow('out of the range');
  });

  test('IPv6 addresses are written as RFC 5952 wants', () => {
    const set = createCidrSet('fd00:10:244::/56', 64);
    expect([set.allocate(), set.allocate()]).toEqual(['fd00:10:244::/64', 'fd00:10:244:1::/64']);
    expect(createCidrSet('::/112', 120).allocate()).toBe('::/120');
  });

  test('refuses sizes that cannot be', () => {
    expect(() => createCidrSet('10.244.0.0/16', 8)).toThrow('between 16 and 32');
    expect(() => createCidrSet('fd00::/32', 64)).toThrow('at most 48');
    expect(() => createCidrSet('nonsense', 24)).toThrow('invalid CIDR address: nonsense');
  });
});
