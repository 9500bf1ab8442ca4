import { expect, test } from 'vitest';
import { rotationTime } from './rotation.ts';

test('a certificate is renewed after 70 to 90 % of its life', () => {
  const pair = { notBefore: 1_000, notAfter: 2_000 };
  expect(rotationTime(pair, 0)).toBe(1_700);
  expect(rotationTime(pair, 1)).toBe(1_900);
  expect(rotationTime(undefined)).toBe(0);
});
