/** Lines of many owners in one list, in the order of the owners' names. */
export interface OrderedLines {
  /** All of them. A new list after a change, else the same one. */
  readonly lines: readonly string[];
  /** Gives owners other lines, or none. What stands before and after them is not looked at. */
  set(changes: ReadonlyMap<string, readonly string[]>): void;
}

/** Above so many changes at once, sorting everything anew is cheaper than moving what follows each. */
const manyChanges = 100;

export function createOrderedLines(): OrderedLines {
  /** Those that have lines, sorted, and how many each has. */
  let owners: string[] = [];
  let counts: number[] = [];
  let lines: string[] = [];

  function replaceOne(owner: string, own: readonly string[]): void {
    const at = placeOf(owners, owner);
    const known = owners[at] === owner ? 1 : 0;
    let start = 0;
    for (let i = 0; i < at; i++) start += counts[i] ?? 0;
    lines.splice(start, known ? (counts[at] ?? 0) : 0, ...own);
    owners.splice(at, known, ...(own.length > 0 ? [owner] : []));
    counts.splice(at, known, ...(own.length > 0 ? [own.length] : []));
  }

  function buildAnew(changes: ReadonlyMap<string, readonly string[]>): void {
    const all = new Map<string, readonly string[]>();
    let start = 0;
    for (const [i, owner] of owners.entries()) {
      const end = start + (counts[i] ?? 0);
      if (!changes.has(owner)) all.set(owner, lines.slice(start, end));
      start = end;
    }
    for (const [owner, own] of changes) if (own.length > 0) all.set(owner, own);
    const sorted = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
    owners = sorted.map(([owner]) => owner);
    counts = sorted.map(([, own]) => own.length);
    lines = sorted.flatMap(([, own]) => own);
  }

  return {
    get lines() {
      return lines;
    },
    set(changes) {
      if (changes.size === 0) return;
      if (changes.size > manyChanges) return buildAnew(changes);
      lines = [...lines];
      for (const [owner, own] of changes) replaceOne(owner, own);
    },
  };
}

/** Where a name stands in a sorted list, or would. */
function placeOf(sorted: readonly string[], name: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
