import { expect, test } from 'vitest';
import { isAllocatableStale, nodeStatus } from './status.ts';

test('a node gives what others have given it', () => {
  const given = nodeStatus('n', [], undefined, true, new Date(0));
  expect(isAllocatableStale(given)).toBe(false);
  const more = { ...given, capacity: { ...given.capacity, 'example.com/dongle': '3' } };
  expect(isAllocatableStale(more)).toBe(true);
  const told = nodeStatus('n', [], more, true, new Date(0));
  expect(told.allocatable).toEqual({ ...given.allocatable, 'example.com/dongle': '3' });
  expect(isAllocatableStale({ ...told, capacity: more.capacity })).toBe(false);
  expect(isAllocatableStale({ ...told, capacity: given.capacity ?? {} })).toBe(true);
});
