import { cidrOf, type Family, formatAddress, parseAddress, widthOf } from '../../api/address.ts';

interface Interval {
  readonly family: Family;
  low: bigint;
  high: bigint;
}

/**
 * Addresses, CIDRs and ranges (`1.2.3.4-1.2.3.9`) as nft keeps them: in order, and those that touch or
 * overlap as one. Undefined when one of them is something else.
 */
export function mergedIntervals(texts: readonly string[]): string[] | undefined {
  const intervals: Interval[] = [];
  for (const text of texts) {
    const interval = parseInterval(text);
    if (!interval) return undefined;
    intervals.push(interval);
  }
  intervals.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const merged: Interval[] = [];
  for (const next of intervals) {
    const last = merged.at(-1);
    if (!last || next.low > last.high + 1n) merged.push(next);
    else if (next.high > last.high) last.high = next.high;
  }
  return merged.map(intervalText);
}

function parseInterval(text: string): Interval | undefined {
  const [first = '', last] = text.split('-');
  const [low, high] = [parseAddress(first), parseAddress(last ?? first)];
  if (low && high) return { family: low.family, low: low.value, high: high.value };
  const cidr = cidrOf(text);
  if (!cidr) return undefined;
  const size = 1n << BigInt(widthOf(cidr.family) - cidr.bits);
  return { family: cidr.family, low: cidr.base, high: cidr.base + size - 1n };
}

function intervalText({ family, low, high }: Interval): string {
  const address = formatAddress(family, low);
  if (low === high) return address;
  const size = high - low + 1n;
  const bits = size.toString(2).length - 1;
  if (size === 1n << BigInt(bits) && low % size === 0n) return `${address}/${widthOf(family) - bits}`;
  return `${address}-${formatAddress(family, high)}`;
}
