import { addressAt, type Cidr, contains, familyOf, parseCidr, sizeOf } from '../../api/address.ts';

/** Addresses that Services of type LoadBalancer are given. */
export interface Pool {
  has(address: string): boolean;
  /** A free address of the family; `asked` (`spec.loadBalancerIP`) if it is one. @throws Error when there is none */
  take(family: string, taken: ReadonlySet<string>, asked?: string): string;
}

/** `cidrs`: any number of each family; the first address of a network is not given. */
export function createPool(cidrs: readonly string[]): Pool {
  const ranges: Cidr[] = cidrs.map(parseCidr);
  const has = (address: string) => ranges.some((range) => contains(range, address));
  return {
    has,
    take(family, taken, asked) {
      if (asked && familyOf(asked) === family) {
        if (!has(asked)) throw new Error(`${asked} is not in the pool ${cidrs.join(', ')}`);
        if (taken.has(asked)) throw new Error(`${asked} belongs to another Service`);
        return asked;
      }
      const own = ranges.filter((range) => range.family === family);
      for (const range of own) {
        for (let index = 1; index < sizeOf(range); index++) {
          const address = addressAt(range, index);
          if (!taken.has(address)) return address;
        }
      }
      const where = own.map(({ text }) => text).join(', ');
      throw new Error(where ? `no free address in ${where}` : `the pool has no ${family} addresses`);
    },
  };
}
