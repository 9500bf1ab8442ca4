import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { root } from './bootstrap/prepare.mjs';

const { isFresh } = createRequire(import.meta.url)('./bootstrap/fresh.cjs') as {
  isFresh(root: string, part?: 'inputs' | 'render'): boolean;
};

it('knows bundles that were just built for fresh, so that the next start builds nothing', () => {
  expect(isFresh(root)).toBe(true);
  expect(isFresh(root, 'render')).toBe(true);
});
