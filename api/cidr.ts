/**
 * IP addresses and CIDRs as numbers: parsing, printing, arithmetic. IPv6 text follows RFC 5952, as Go's
 * `net/netip` prints it.
 */
import { isIP } from 'node:net';

/** A network. `base` is its first address as a number. */
export interface Cidr {
  /** Canonical: `10.96.0.0/12`. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly base: bigint;
  /** Addresses in it, as a number; `Infinity`-free: capped at 2^53 - 1. */
  readonly size: number;
  contains(address: string): boolean;
  overlaps(other: Cidr): boolean;
}

/** Parses `10.96.0.0/12`; host bits are dropped. Throws an Error that names the text. */
export function parseCidr(text: string): Cidr {
  const [address = '', length = ''] = text.split('/');
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const prefix = Number(length);
  if (family === 0 || !/^\d{1,3}$/.test(length) || prefix > bits) {
    throw new Error(`invalid CIDR address: ${text}`);
  }
  const width = BigInt(bits - prefix);
  const base = (toNumber(address) >> width) << width;
  const count = 1n << width;
  const within = (value: bigint) => value >= base && value < base + count;
  return {
    text: `${toText(base, family === 6 ? 6 : 4)}/${prefix}`,
    family: family === 6 ? 6 : 4,
    prefix,
    base,
    size: Number(count < 2n ** 53n ? count : 2n ** 53n - 1n),
    contains: (other) => isIP(other) === family && within(toNumber(other)),
    overlaps: (other) =>
      other.family === family &&
      (within(other.base) || (base >= other.base && other.contains(toText(base, other.family)))),
  };
}

/** The `index`th address of a network, the base being 0. Throws a RangeError outside of it. */
export function addressAt(cidr: Cidr, index: number): string {
  if (index < 0 || index >= cidr.size) throw new RangeError(`${cidr.text} has no address number ${index}`);
  return toText(cidr.base + BigInt(index), cidr.family);
}

/** The inverse of {@link addressAt}; the address must be in the network. */
export function indexOf(cidr: Cidr, address: string): number {
  return Number(toNumber(address) - cidr.base);
}

/** The `index`th subnet of the given prefix length: `subnetAt(10.244.0.0/16, 24, 1)` is 10.244.1.0/24. */
export function subnetAt(cidr: Cidr, prefix: number, index: number): string {
  const width = BigInt((cidr.family === 6 ? 128 : 32) - prefix);
  return `${toText(cidr.base + (BigInt(index) << width), cidr.family)}/${prefix}`;
}

/** An address as a number. The text must be a valid address. */
export function toNumber(address: string): bigint {
  if (isIP(address) !== 6) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const pair = (high: string | undefined, low: string | undefined) =>
    ((Number(high) << 8) | Number(low)).toString(16);
  const plain = v4
    ? `${v4[1]}${pair(v4[2], v4[3])}:${pair(v4[4], v4[5])}`
    : (address.split('%')[0] ?? address);
  const [head = '', tail] = plain.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** A number as an address, in canonical form. */
export function toText(value: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - 16 * index)) & 0xffffn),
  );
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  return run.length < 2
    ? hex(groups)
    : `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
