import { describe, expect, it } from 'vitest';
import { checkAgainstModel } from './testing.ts';

describe('against a model of one set of owners for each leaf', () => {
  it('agrees over forty histories', () => {
    for (let seed = 1; seed <= 40; seed++) expect(checkAgainstModel(seed, 12)).toBe('same');
  });
});
