/**
 * Knows of answers whether what they came from is still as it was. Everything that can be looked up, there or not, has
 * a key; changes are counted by key. There are so many counters only, and keys share them: that an answer is made anew
 * although another thing changed does no harm, and names that do not exist take no room.
 */
export interface Reads {
  /** Says that a key was looked up. */
  note(key: string): void;
  /** Says that what is found under a key differs from now on. */
  changed(key: string): void;
  /** Runs `read` and gives with its result a function that is true until a key changes that it looked up. */
  during<T>(read: () => T): { result: T; isCurrent: () => boolean };
}

const counters = 1 << 14;

export function createReads(): Reads {
  const changes = new Uint32Array(counters);
  let noted: number[] | undefined;
  const count = (places: readonly number[]) => {
    let sum = 0;
    for (const place of places) sum += changes[place] ?? 0;
    return sum;
  };
  return {
    note(key) {
      if (!noted) return;
      const place = placeOf(key);
      if (!noted.includes(place)) noted.push(place);
    },
    changed(key) {
      const place = placeOf(key);
      changes[place] = (changes[place] ?? 0) + 1;
    },
    during(read) {
      const outer = noted;
      const places: number[] = [];
      noted = places;
      try {
        const result = read();
        const before = count(places);
        return { result, isCurrent: () => count(places) === before };
      } finally {
        noted = outer;
        if (outer) outer.push(...places);
      }
    },
  };
}

/** FNV-1a. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (counters - 1);
}
