import { type Address, canonicalAddress, formatAddress, parseAddress } from '../../api/address.ts';
import { type IpRange, parseRange } from './ip-range.ts';

/** Why an address cannot be had; the text is upstream's. */
export class AllocationError extends Error {}

/**
 * Addresses out of one or more ranges of a family. Nobody but the caller knows which are taken: it
 * marks those of stored objects when it starts.
 * Upstream: `pkg/registry/core/service/ipallocator` (KEP-1880, KEP-3070).
 */
export interface IpAllocator {
  /** Takes that address. Throws {@link AllocationError}. */
  allocate(ip: string): void;
  /** Takes any address, from the upper band of a range while there is one. Throws {@link AllocationError}. */
  allocateNext(): string;
  release(ip: string): void;
  /** Takes an address without asking, in or out of range. */
  mark(ip: string): void;
}

/**
 * `cidrs` is asked at each call, since ranges may be added while the cluster runs; `elsewhere` knows of canonical
 * addresses that are taken without this allocator having been told.
 */
export function createIpAllocator(
  cidrs: () => readonly string[],
  random: () => number = Math.random,
  elsewhere: ReadonlySet<string> = new Set(),
): IpAllocator {
  const taken = new Set<string>();
  const isTaken = (ip: string) => taken.has(ip) || elsewhere.has(ip);
  const ranges = () => cidrs().map(rangeOf);
  return {
    allocate(ip) {
      const address = parseAddress(ip);
      const inside = ranges().filter((range) => address && contains(range, address));
      if (!address || inside.length === 0) {
        throw new AllocationError('the provided network does not match the current range');
      }
      const usable = inside.find(({ first, last }) => address.value >= first && address.value <= last);
      if (!usable) {
        const valid = inside[0]?.cidr;
        throw new AllocationError(
          `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${valid}`,
        );
      }
      const name = canonical(ip);
      if (isTaken(name)) throw new AllocationError('provided IP is already allocated');
      taken.add(name);
    },
    allocateNext() {
      for (const range of ranges()) {
        const middle = range.first + staticBand(range.size);
        const ip = findFree(range, middle, range.last) ?? findFree(range, range.first, middle - 1n);
        if (ip === undefined) continue;
        taken.add(ip);
        return ip;
      }
      throw new AllocationError('range is full');
    },
    release: (ip) => void taken.delete(canonical(ip)),
    mark: (ip) => void taken.add(canonical(ip)),
  };

  /** Tries each address once, from a random one on, and starts over at the end. */
  function findFree(range: IpRange, first: bigint, last: bigint): string | undefined {
    if (last < first) return undefined;
    const count = last - first + 1n;
    const start = BigInt(Math.floor(random() * Number(count < maxCount ? count : maxCount)));
    for (let step = 0n; step < count; step++) {
      const ip = formatAddress(range.family, first + ((start + step) % count));
      if (!isTaken(ip)) return ip;
    }
    return undefined;
  }
}

/** Random starts lie within the first so many addresses: enough, and exact as a number. */
const maxCount = 1n << 48n;

/**
 * How many addresses at the start of a range are left to those who ask for a certain one: a 16th, at
 * least 16, at most 256; none in ranges up to 16.
 */
export function staticBand(size: bigint): bigint {
  if (size <= 16n) return 0n;
  const share = size / 16n;
  return share < 16n ? 16n : share > 256n ? 256n : share;
}

const parsed = new Map<string, IpRange>();

function rangeOf(cidr: string): IpRange {
  const known = parsed.get(cidr) ?? parseRange(cidr);
  parsed.set(cidr, known);
  return known;
}

function contains(range: IpRange, { family, value }: Address): boolean {
  const network = range.first - 1n;
  return family === range.family && value >= network && value < network + range.size;
}

/** The one form in which an address is remembered. */
export const canonical = (ip: string) => canonicalAddress(ip) ?? ip;
