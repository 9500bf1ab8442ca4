import { isIPv6 } from 'node:net';

/** The equal parts of one cluster CIDR, some of them taken. */
export interface CidrSet {
  readonly family: 'IPv4' | 'IPv6';
  /** The next free part, going round, so that a freed one is not given out at once. Throws when none is left. */
  allocate(): string;
  /** Marks what a node already has. Throws when `cidr` is not inside the cluster CIDR. */
  occupy(cidr: string): void;
  release(cidr: string): void;
}

/** Upstream caps an IPv6 range at so many bits of nodes: beyond, memory would be spent on nothing. */
const mostBits = 16;

/** Upstream: `pkg/controller/nodeipam/ipam/cidrset/cidr_set.go`. */
export function createCidrSet(clusterCidr: string, nodeMaskSize: number): CidrSet {
  const { base, bits, prefix, family } = parseCidr(clusterCidr);
  if (nodeMaskSize < prefix || nodeMaskSize > bits) {
    throw new Error(
      `node CIDR mask size ${nodeMaskSize} does not fit cluster CIDR ${clusterCidr}: must be between ${prefix} and ${bits}`,
    );
  }
  if (family === 'IPv6' && nodeMaskSize - prefix > mostBits) {
    throw new Error(
      `cluster CIDR ${clusterCidr} is too large: a node CIDR mask size of at most ${prefix + mostBits} is needed, not ${nodeMaskSize}`,
    );
  }
  const shift = BigInt(bits - nodeMaskSize);
  const size = 2 ** (nodeMaskSize - prefix);
  const taken = new Set<number>();
  let next = 0;

  /** Indices of the parts that `cidr` overlaps. */
  function* partsOf(cidr: string): Iterable<number> {
    const other = parseCidr(cidr);
    const first = Number((other.base - base) >> shift);
    const count = other.prefix >= nodeMaskSize ? 1 : 2 ** (nodeMaskSize - other.prefix);
    if (other.family !== family || other.base < base || first + count > size) {
      throw new Error(`CIDR ${cidr} is out of the range of cluster CIDR ${clusterCidr}`);
    }
    for (let index = first; index < first + count; index++) yield index;
  }

  return {
    family,
    allocate() {
      if (taken.size >= size)
        throw new Error(
          `CIDR allocation failed; there are no remaining CIDRs left to allocate in ${clusterCidr}`,
        );
      while (taken.has(next)) next = (next + 1) % size;
      taken.add(next);
      const part = `${formatAddress(base + (BigInt(next) << shift), family)}/${nodeMaskSize}`;
      next = (next + 1) % size;
      return part;
    },
    occupy(cidr) {
      for (const index of partsOf(cidr)) {
        taken.add(index);
        next = (index + 1) % size;
      }
    },
    release(cidr) {
      for (const index of partsOf(cidr)) taken.delete(index);
    },
  };
}

interface Cidr {
  base: bigint;
  prefix: number;
  bits: 32 | 128;
  family: 'IPv4' | 'IPv6';
}

/** Host bits are cut off. Throws on anything that is no CIDR. */
export function parseCidr(cidr: string): Cidr {
  const [address = '', length = ''] = cidr.split('/');
  const family = isIPv6(address) ? 'IPv6' : 'IPv4';
  const bits = family === 'IPv6' ? 128 : 32;
  const prefix = Number(length);
  if (!/^\d+$/.test(length) || prefix > bits || !/^[\da-fA-F:.]+$/.test(address)) {
    throw new Error(`invalid CIDR address: ${JSON.stringify(cidr)}`);
  }
  const value = family === 'IPv6' ? parseIPv6(address) : parseIPv4(address);
  const host = BigInt(bits - prefix);
  return { base: (value >> host) << host, prefix, bits, family };
}

function parseIPv4(address: string): bigint {
  return address.split('.').reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function parseIPv6(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const words = (text: string) => (text ? text.split(':') : []);
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n);
}

function formatAddress(value: bigint, family: 'IPv4' | 'IPv6'): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((by) => Number((value >> by) & 255n)).join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  // RFC 5952: the longest run of zero words is left out.
  let [start, length] = [0, 0];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (words[to] === '0') to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}
