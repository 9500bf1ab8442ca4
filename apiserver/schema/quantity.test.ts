import { expect, test } from 'vitest';
import { canonicalQuantity, quantityValue } from './quantity.ts';

/** Facts of upstream's `quantity_test.go`. */
test.each([
  ['0', '0'],
  ['0m', '0'],
  ['1', '1'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['.5', '500m'],
  ['100m', '100m'],
  ['1500m', '1500m'],
  ['2000', '2k'],
  ['1024', '1024'],
  ['1Ki', '1Ki'],
  ['1024Ki', '1Mi'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Ki', '512'],
  ['1000Mi', '1000Mi'],
  ['128M', '128M'],
  ['1000k', '1M'],
  ['1e3', '1e3'],
  ['12E2', '1200'],
  ['1.1n', '2n'],
  ['-1', '-1'],
  ['+1', '1'],
])('%s is stored as %s', (text, canonical) => {
  expect(canonicalQuantity(text)).toBe(canonical);
  if (!text.endsWith('1.1n')) expect(quantityValue(canonical)).toBeCloseTo(quantityValue(text), 9);
});

test('what is no quantity has no value', () => {
  expect(quantityValue('much')).toBeNaN();
});
