import { expect, test } from 'vitest';
import { formatIndexes, parseIndexes } from './indexes.ts';

test.each([
  ['', []],
  ['0', [0]],
  ['0,1', [0, 1]],
  ['0-2,4,6,7', [0, 1, 2, 4, 6, 7]],
])('%j', (text, indexes) => {
  expect(formatIndexes(indexes.toReversed())).toBe(text);
  expect([...parseIndexes(text)]).toEqual(indexes);
});
