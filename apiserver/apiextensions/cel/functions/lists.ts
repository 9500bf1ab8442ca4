import { isDeepStrictEqual } from 'node:util';
import type { Environment } from '@marcbachmann/cel-js';

type Ordered = bigint | number | string | boolean | { valueOf(): bigint | number | string };

/** What `sets.…` is called on. */
class Sets {}

/** `isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf`, and `sets`. Upstream: `library/lists.go`, cel-go `ext/sets.go`. */
export function registerLists(environment: Environment): void {
  environment.registerFunction('list.isSorted(): bool', (list: Ordered[]) =>
    list.every((item, at) => at === 0 || (list[at - 1] ?? item) <= item),
  );
  environment.registerFunction('list.sum(): dyn', (list: (bigint | number)[]) =>
    list.some((item) => typeof item === 'number')
      ? list.reduce((sum: number, item) => sum + Number(item), 0)
      : list.reduce((sum: bigint, item) => sum + BigInt(item), 0n),
  );
  environment.registerFunction('list.min(): dyn', (list: Ordered[]) => extreme(list, 'min', (a, b) => a < b));
  environment.registerFunction('list.max(): dyn', (list: Ordered[]) => extreme(list, 'max', (a, b) => a > b));
  environment.registerFunction('list.indexOf(dyn): int', (list: unknown[], item: unknown) =>
    BigInt(list.findIndex((one) => isDeepStrictEqual(one, item))),
  );
  environment.registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], item: unknown) =>
    BigInt(list.findLastIndex((one) => isDeepStrictEqual(one, item))),
  );
  environment.registerType('kubernetes.Sets', { ctor: Sets, fields: {} });
  environment.registerConstant('sets', 'kubernetes.Sets', new Sets());
  const within = (list: unknown[], others: unknown[]) =>
    others.every((item) => list.some((one) => isDeepStrictEqual(one, item)));
  environment.registerFunction(
    'kubernetes.Sets.contains(list, list): bool',
    (_: Sets, list: unknown[], others: unknown[]) => within(list, others),
  );
  environment.registerFunction(
    'kubernetes.Sets.equivalent(list, list): bool',
    (_: Sets, list: unknown[], others: unknown[]) => within(list, others) && within(others, list),
  );
  environment.registerFunction(
    'kubernetes.Sets.intersects(list, list): bool',
    (_: Sets, list: unknown[], others: unknown[]) => others.some((item) => within(list, [item])),
  );
}

function extreme(
  list: readonly Ordered[],
  name: string,
  better: (a: Ordered, b: Ordered) => boolean,
): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}
