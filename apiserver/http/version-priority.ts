const shape = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stability: Readonly<Record<string, number>> = { alpha: 1, beta: 2 };

/**
 * Sorts versions as clients are to prefer them: `v2`, `v1`, `v2beta1`, `v1alpha2`, then those of another form by name.
 * Upstream: apimachinery `version.CompareKubeAwareVersionStrings`.
 */
export function comparePriority(a: string, b: string): number {
  const [left, right] = [shape.exec(a), shape.exec(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  const order = ([, major, level = '', minor = '0']: RegExpExecArray) =>
    [stability[level] ?? 3, Number(major), Number(minor)] as const;
  const [first, second] = [order(left), order(right)];
  const differing = first.findIndex((one, index) => one !== second[index]);
  return differing < 0 ? 0 : (second[differing] ?? 0) - (first[differing] ?? 0);
}
