import { describe, expect, test } from 'vitest';
import { type EndpointEntry, packSubsets, truncateSubsets } from './subsets.ts';

const entry = (ip: string, ports: number[], ready = true): EndpointEntry => ({
  address: { ip },
  ready,
  ports: ports.map((port) => ({ port, protocol: 'TCP' })),
});
const tcp = (...ports: number[]) => ports.map((port) => ({ port, protocol: 'TCP' }));

// The cases are those of upstream's pkg/api/v1/endpoints/util_test.go.
describe('packSubsets', () => {
  test('the same ports make one subset', () => {
    expect(packSubsets([entry('5.6.7.8', [111]), entry('1.2.3.4', [111])])).toEqual([
      { addresses: [{ ip: '1.2.3.4' }, { ip: '5.6.7.8' }], ports: tcp(111) },
    ]);
  });

  test('one address with two ports stays together', () => {
    expect(packSubsets([entry('1.2.3.4', [111]), entry('1.2.3.4', [222])])).toEqual([
      { addresses: [{ ip: '1.2.3.4' }], ports: tcp(111, 222) },
    ]);
  });

  test('what is shared stands once, what is not apart', () => {
    expect(packSubsets([entry('1.2.3.4', [111, 222]), entry('5.6.7.8', [111])])).toEqual([
      { addresses: [{ ip: '1.2.3.4' }, { ip: '5.6.7.8' }], ports: tcp(111) },
      { addresses: [{ ip: '1.2.3.4' }], ports: tcp(222) },
    ]);
  });

  test('ready and not ready addresses share a subset', () => {
    expect(packSubsets([entry('1.2.3.4', [111]), entry('5.6.7.8', [111], false)])).toEqual([
      { addresses: [{ ip: '1.2.3.4' }], notReadyAddresses: [{ ip: '5.6.7.8' }], ports: tcp(111) },
    ]);
  });

  test('no endpoints make no subsets, no ports a subset without', () => {
    expect(packSubsets([])).toEqual([]);
    expect(packSubsets([entry('1.2.3.4', [])])).toEqual([{ addresses: [{ ip: '1.2.3.4' }] }]);
  });

  test('order does not depend on the order of pods', () => {
    const entries = [entry('10.0.0.10', [80]), entry('10.0.0.9', [80, 443]), entry('10.0.0.2', [443])];
    expect(packSubsets(entries)).toEqual(packSubsets(entries.toReversed()));
  });
});

test('truncateSubsets keeps ready addresses first', () => {
  const many = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => ({ ip: `10.0.${from}.${i}` }));
  const subsets = [{ addresses: many(8, 0), notReadyAddresses: many(4, 1), ports: tcp(80) }];
  expect(truncateSubsets(subsets, 12)).toBeUndefined();
  expect(truncateSubsets(subsets, 10)).toEqual([
    { addresses: many(8, 0), notReadyAddresses: many(2, 1), ports: tcp(80) },
  ]);
  expect(truncateSubsets(subsets, 5)).toEqual([{ addresses: many(5, 0), ports: tcp(80) }]);
});
