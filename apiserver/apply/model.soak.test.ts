import { expect, it } from 'vitest';
import { checkAgainstModel } from './testing.ts';

it('agrees with the model over 50,000 histories', () => {
  for (let seed = 1; seed <= 50_000; seed++) expect(checkAgainstModel(seed, 20)).toBe('same');
}, 600_000);
