import { expect, test } from 'vitest';
import { createIpAllocator, staticBand } from './ip-allocator.ts';
import { parseRange } from './ip-range.ts';
import { createPortAllocator, parsePortRange } from './port-allocator.ts';

/** KEP-3070's table. */
test.each([
  [16, 0],
  [32, 16],
  [256, 16],
  [1024, 64],
  [4096, 256],
  [2 ** 20, 256],
])('of %i addresses %i are left to static ones', (size, band) => {
  expect(staticBand(BigInt(size))).toBe(BigInt(band));
});

test('addresses come from the upper band first, then from the lower, until the range is full', () => {
  const allocator = createIpAllocator(
    () => ['10.0.0.0/27'],
    () => 0,
  );
  const given = Array.from({ length: 30 }, () => allocator.allocateNext());
  expect(given[0]).toBe('10.0.0.17');
  expect(given.slice(0, 14).every((ip) => Number(ip.split('.')[3]) >= 17)).toBe(true);
  expect(new Set(given).size).toBe(30);
  expect(given).not.toContain('10.0.0.0');
  expect(given).not.toContain('10.0.0.31');
  expect(() => allocator.allocateNext()).toThrow('range is full');
  allocator.release('10.0.0.5');
  expect(allocator.allocateNext()).toBe('10.0.0.5');
});

test('kube-dns keeps its address in the default range', () => {
  const allocator = createIpAllocator(
    () => ['10.96.0.0/12'],
    () => 0,
  );
  expect(allocator.allocateNext()).toBe('10.96.1.1');
});

test('an added range is used when the first is full', () => {
  const ranges = ['10.0.0.0/30'];
  const allocator = createIpAllocator(
    () => ranges,
    () => 0,
  );
  expect([allocator.allocateNext(), allocator.allocateNext()]).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(() => allocator.allocateNext()).toThrow('range is full');
  ranges.push('10.1.0.0/30');
  expect(allocator.allocateNext()).toBe('10.1.0.1');
});

test('IPv6 ranges, whatever form an address is written in', () => {
  const allocator = createIpAllocator(
    () => ['fd00:10:96::/112'],
    () => 0.5,
  );
  const ip = allocator.allocateNext();
  expect(ip).toMatch(/^fd00:10:96::/);
  allocator.allocate('fd00:0010:96:0::7');
  expect(() => allocator.allocate('fd00:10:96::7')).toThrow('provided IP is already allocated');
});

test('neither the network nor the IPv4 broadcast address is given out', () => {
  expect(parseRange('10.0.0.3/30')).toMatchObject({ first: 0x0a000001n, last: 0x0a000002n, size: 4n });
  expect(parseRange('::/126')).toMatchObject({ family: 'IPv6', first: 1n, last: 3n, size: 4n });
  expect(() => parseRange('10.0.0.0')).toThrow('"10.0.0.0" is not a CIDR');
});

test('node ports: upper band first, errors in upstream’s words', () => {
  const allocator = createPortAllocator('30000-32767', () => 0);
  expect(allocator.allocateNext()).toBe(30086);
  allocator.allocate(30000);
  expect(() => allocator.allocate(30000)).toThrow('provided port is already allocated');
  expect(() => allocator.allocate(80)).toThrow(
    'provided port is not in the valid range. The range of valid ports is 30000-32767',
  );
  const small = createPortAllocator('30000-30001', () => 0);
  expect([small.allocateNext(), small.allocateNext()]).toEqual([30000, 30001]);
  expect(() => small.allocateNext()).toThrow('range is full');
  expect(() => parsePortRange('32767-30000')).toThrow('is not a range of ports');
});
