import { AllocationError } from './ip-allocator.ts';

/** Node ports. Upstream: `pkg/registry/core/service/portallocator` (KEP-3668). */
export interface PortAllocator {
  /** Takes that port. Throws {@link AllocationError}. */
  allocate(port: number): void;
  /** Takes any port, from the upper band of the range while there is one. Throws {@link AllocationError}. */
  allocateNext(): number;
  release(port: number): void;
  /** Takes a port without asking, in or out of range. */
  mark(port: number): void;
}

/**
 * @param range both ends included: `30000-32767`
 * @param elsewhere ports that are taken without this allocator having been told
 */
export function createPortAllocator(
  range: string,
  random: () => number = Math.random,
  elsewhere: ReadonlySet<number> = new Set(),
): PortAllocator {
  const { first, last } = parsePortRange(range);
  const taken = new Set<number>();
  const isTaken = (port: number) => taken.has(port) || elsewhere.has(port);
  return {
    allocate(port) {
      if (port < first || port > last) {
        throw new AllocationError(
          `provided port is not in the valid range. The range of valid ports is ${range}`,
        );
      }
      if (isTaken(port)) throw new AllocationError('provided port is already allocated');
      taken.add(port);
    },
    allocateNext() {
      const middle = first + staticPorts(last - first + 1);
      const port = findFree(middle, last) ?? findFree(first, middle - 1);
      if (port === undefined) throw new AllocationError('range is full');
      taken.add(port);
      return port;
    },
    release: (port) => void taken.delete(port),
    mark: (port) => void taken.add(port),
  };

  function findFree(from: number, to: number): number | undefined {
    const count = to - from + 1;
    if (count <= 0) return undefined;
    const start = Math.floor(random() * count);
    for (let step = 0; step < count; step++) {
      const port = from + ((start + step) % count);
      if (!isTaken(port)) return port;
    }
    return undefined;
  }
}

/** Takes `30000-32767` apart; throws for anything else. */
export function parsePortRange(range: string): { first: number; last: number } {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(range) ?? [];
  const ends = { first: Number(first), last: Number(last) };
  if (!first || !last || ends.first > ends.last || ends.first < 1 || ends.last > 65535) {
    throw new Error(`${JSON.stringify(range)} is not a range of ports; give one such as 30000-32767`);
  }
  return ends;
}

/** Ports at the start of the range for those who ask for a certain one: a 32nd, at least 16, at most 128. */
function staticPorts(size: number): number {
  if (size <= 16) return 0;
  return Math.min(Math.max(Math.floor(size / 32), 16), 128);
}
