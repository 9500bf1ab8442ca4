/**
 * True when both mean the same on the wire: absent, null and empty lists and maps are alike, the order of
 * fields does not count. Upstream: `apiequality.Semantic.DeepEqual`.
 */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isAbsent(a) || isAbsent(b)) return isAbsent(a) && isAbsent(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSameValue(item, b[index]));
  }
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  const left = new Map(Object.entries(a ?? {}));
  const right = new Map(Object.entries(b ?? {}));
  return [...new Set([...left.keys(), ...right.keys()])].every((key) =>
    isSameValue(left.get(key), right.get(key)),
  );
}

function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.values(value).every(isNothing);
}

function isNothing(value: unknown): boolean {
  return value === undefined;
}
