import { cidrOf, type Family, sizeOf } from '../../api/address.ts';

/** A Service range; `first` and `last`, as numbers, may be given out. */
export interface IpRange {
  cidr: string;
  family: Family;
  first: bigint;
  last: bigint;
  /** Addresses the CIDR covers, with those that are never given out. */
  size: bigint;
}

/** Takes a CIDR apart. The network's own address and, in IPv4, the broadcast address are not given out. */
export function parseRange(cidr: string): IpRange {
  const network = cidrOf(cidr);
  if (!network) {
    throw new Error(
      `${JSON.stringify(cidr)} is not a CIDR; give one such as 10.96.0.0/12 or fd00:10:96::/112`,
    );
  }
  const { family, base } = network;
  const size = sizeOf(network);
  const last = base + size - 1n;
  return { cidr, family, first: base + 1n, last: family === 'IPv4' ? last - 1n : last, size };
}
