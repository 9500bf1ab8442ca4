import { type Family, parseCidr, subnetAt, widthOf } from '../../api/address.ts';

/** The equal parts of one cluster CIDR, some of them taken. */
export interface CidrSet {
  readonly family: Family;
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
  const cluster = parseCidr(clusterCidr);
  const { base, bits: prefix, family } = cluster;
  const bits = widthOf(family);
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
    const count = other.bits >= nodeMaskSize ? 1 : 2 ** (nodeMaskSize - other.bits);
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
      const part = subnetAt(cluster, nodeMaskSize, next);
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
