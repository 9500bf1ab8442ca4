import { expect, test } from 'vitest';
import { holderIn } from './xtables-lock.ts';

test('the holder of a lock is known where somebody waits for it', () => {
  const other = '2: POSIX  ADVISORY  WRITE 77 00:2b:999 0 EOF\n';
  const held = '1: FLOCK  ADVISORY  WRITE 123 00:2b:42 0 EOF\n';
  const waits = '1: -> FLOCK  ADVISORY  WRITE 124 00:2b:42 0 EOF\n';
  expect(holderIn(`42\n${held}${waits}${other}`)).toBe(123);
  expect(holderIn(`42\n${held}${other}`)).toBeUndefined();
  expect(holderIn(`99\n${held}${waits}${other}`)).toBeUndefined();
});
