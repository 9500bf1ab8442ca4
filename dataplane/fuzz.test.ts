import { describe, test } from 'vitest';
import { follow, followDying } from './testing/fuzz.ts';
import { tryHistory } from './testing/history.ts';
import { randomHistory } from './testing/randomhistory.ts';
import { type BackendName, backends } from './testing/standing.ts';

// A sample; fuzz.soak.test.ts follows hundreds.
const seeds = [1, 2];

describe.each(Object.keys(backends) as BackendName[])(
  '%s: the state reached by differences is that of a new start',
  (name) => {
    test.each(seeds)('in a model of the kernel, seed %i', async (seed) => {
      await tryHistory(seed, randomHistory(seed, 25), (history) => follow(name, seed, history));
    });

    test.each(seeds)('though it is killed in the middle of every write, seed %i', async (seed) => {
      await tryHistory(seed, randomHistory(seed, 15), (history) => followDying(name, seed, history));
    });
  },
);
