import { describe, expect, it } from 'vitest';
import { chiSquareTail, countRepeats, testEqualShares } from './statistics.ts';

describe('chiSquareTail', () => {
  // Critical values from the NIST/SEMATECH e-Handbook, table 1.3.6.7.4.
  it.each([
    [3.841, 1, 0.05],
    [6.635, 1, 0.01],
    [5.991, 2, 0.05],
    [13.816, 2, 0.001],
    [7.815, 3, 0.05],
    [16.266, 3, 0.001],
    [9.488, 4, 0.05],
    [11.07, 5, 0.05],
    [24.322, 7, 0.001],
  ])('P(X² ≥ %d | %d) ≈ %d', (statistic, degrees, probability) => {
    expect(chiSquareTail(statistic, degrees) / probability).toBeCloseTo(1, 2);
  });
});

describe('testEqualShares', () => {
  it('accepts what is even and refuses what is not', () => {
    expect(testEqualShares([100, 100, 100]).probability).toBe(1);
    expect(testEqualShares([95, 105, 100]).probability).toBeGreaterThan(0.5);
    expect(testEqualShares([300, 0, 0]).probability).toBeLessThan(1e-100);
    // KUBE-SVC rules with 1/3, 1/3, 1 in place of 1/3, 1/2, 1: shares of 3, 2 and 4 ninths.
    expect(testEqualShares([200, 133, 267]).probability).toBeLessThan(1e-6);
  });

  it('refuses to judge nothing', () => {
    expect(() => testEqualShares([0, 0])).toThrow('at least one observation');
  });
});

it('counts neighbours that are equal', () => {
  expect(countRepeats(['a', 'b', 'c', 'a', 'b', 'c'])).toBe(0);
  expect(countRepeats(['a', 'a', 'b', 'b', 'b'])).toBe(3);
  expect(countRepeats([])).toBe(0);
});
