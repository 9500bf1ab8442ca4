/** What of ours somebody else took away, changed or added: names, such as `nat chain KUBE-SERVICES`. */
export interface Found {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
  readonly foreign: readonly string[];
}

/** Names of each kind that are told; the others are counted. */
const told = 3;

/** For the log: `missing: nat chain KUBE-SVC-…; changed: nat chain KUBE-SERVICES`. Undefined when nothing was found. */
export function foundText({ missing, changed, foreign }: Found): string | undefined {
  const parts = [
    ['missing', missing],
    ['changed', changed],
    ['not ours to have', foreign],
  ] as const;
  const texts = parts.flatMap(([what, names]) => (names.length > 0 ? `${what}: ${listed(names)}` : []));
  return texts.length > 0 ? texts.join('; ') : undefined;
}

/** The first few names, and how many more there are. */
export function listed(names: readonly string[]): string {
  const rest = names.length - told;
  return rest > 0 ? `${names.slice(0, told).join(', ')} and ${rest} more` : names.join(', ');
}
