import { expect, test } from 'vitest';
import { randomFrom } from '../testing/random.ts';
import { createOrderedLines } from './orderedlines.ts';

test.each([1, 2, 3])('lines stand in the order of their owners, whenever they came (seed %i)', (seed) => {
  const random = randomFrom(seed);
  const ordered = createOrderedLines();
  const all = new Map<string, string[]>();
  for (let step = 0; step < 50; step++) {
    const changes = new Map<string, string[]>();
    // Few are put in one by one, many sorted together.
    for (let i = random(5) === 0 ? 200 : random(4); i > 0; i--) {
      const owner = `owner-${random(400)}`;
      changes.set(
        owner,
        Array.from({ length: random(3) }, (_, n) => `${owner} line ${n} of step ${step}`),
      );
    }
    const before = ordered.lines;
    ordered.set(changes);
    if (changes.size === 0) expect(ordered.lines).toBe(before);
    for (const [owner, lines] of changes) all.set(owner, lines);
    const sorted = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(ordered.lines).toEqual(sorted.flatMap(([, lines]) => lines));
  }
});
