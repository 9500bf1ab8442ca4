/** A chain up to this share of whose rules change is edited in place, so that the others keep their counters. */
const editShare = 0.5;

/**
 * Deletions and insertions for what differs; undefined when rewriting is cheaper. Rules go by what they say, which
 * costs the tools no more than a number: where somebody has put a rule of theirs before ours, no other rule goes, and
 * where ours is not there the batch is refused and the kernel read.
 */
export function editsOf(
  chain: string,
  have: readonly string[],
  want: readonly string[],
): string[] | undefined {
  let start = 0;
  while (start < have.length && start < want.length && have[start] === want[start]) start++;
  let end = 0;
  while (
    end < have.length - start &&
    end < want.length - start &&
    have[have.length - 1 - end] === want[want.length - 1 - end]
  )
    end++;
  const [gone, fresh] = [have.slice(start, have.length - end), want.slice(start, want.length - end)];
  const kept = keptOf(gone, fresh);
  if (gone.length + fresh.length - 2 * kept.size > editShare * want.length) return undefined;
  const edits: string[] = [];
  let place = start + 1;
  let next = 0;
  const insert = () => {
    for (; next < fresh.length && !kept.has(fresh[next] as string); next++)
      edits.push(`-I ${chain} ${place++} ${fresh[next]}`);
  };
  for (const rule of gone) {
    if (!kept.has(rule)) {
      // The kernel rounds a probability, and need not find the rule by the one that is written.
      edits.push(`-D ${chain} ${rule.includes(' --probability ') ? place : rule}`);
      continue;
    }
    insert();
    next++;
    place++;
  }
  insert();
  return edits;
}

/** The rules of both lists, where these are in the same order in both and no rule stands twice; else none. */
function keptOf(have: readonly string[], want: readonly string[]): ReadonlySet<string> {
  const [stood, wanted] = [new Set(have), new Set(want)];
  if (stood.size < have.length || wanted.size < want.length) return new Set();
  const kept = have.filter((rule) => wanted.has(rule));
  const inOrder = sameLines(
    kept,
    want.filter((rule) => stood.has(rule)),
  );
  return new Set(inOrder ? kept : []);
}

/** Lines that were not made anew are the same strings, so that even a long chain is compared at once. */
export function sameLines(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
