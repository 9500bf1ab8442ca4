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

it('holds the descriptions of kinds in a bundle of their own', () => {
  const { descriptions } = createRequire(import.meta.url)('../dist/descriptions.cjs') as {
    descriptions: Record<string, [string, Record<string, string>]>;
  };
  expect(descriptions.Pod?.[0]).toMatch(/^Pod is a collection of containers/);
});
