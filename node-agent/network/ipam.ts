import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressAt, type Cidr, contains, familyOf, indexOf, parseCidr, sizeOf } from '../../api/address.ts';

/** Every address of a range is taken; said as CNI's host-local says it, which counts ranges from 0. */
export class RangeExhaustedError extends Error {
  constructor(range: Cidr, index: number) {
    super(
      `failed to allocate for range ${index}: no IP addresses available in range set: ${addressAt(range, 1)}-${addressAt(range, lastIndex(range))}`,
    );
    this.name = 'RangeExhaustedError';
  }
}

/**
 * Addresses of one node's pods. State is kept in files as CNI's host-local keeps it, one an address: what an
 * interrupted process has given somebody stays theirs.
 */
export interface Ipam {
  /** One address of each range, in their order; the same again when `owner` holds some already. */
  allocate(owner: string): string[];
  /** What `owner` holds already. */
  held(owner: string): string[];
  release(owner: string): void;
  /** Who holds addresses now. */
  owners(): Set<string>;
}

/**
 * The address after `last`, going round, that nobody holds; undefined when there is none. The first
 * address of the range is the network, the second the gateway, the last of IPv4 the broadcast.
 * Upstream: containernetworking/plugins `plugins/ipam/host-local/backend/allocator`.
 */
export function nextAddress(
  range: Cidr,
  taken: ReadonlySet<string>,
  last: string | undefined,
): string | undefined {
  const first = 2;
  const count = lastIndex(range) - first + 1;
  const start = last && contains(range, last) ? indexOf(range, last) + 1 - first : 0;
  for (let step = 0; step < count; step++) {
    const address = addressAt(range, first + ((start + step) % count));
    if (!taken.has(address)) return address;
    if (step > taken.size) return undefined;
  }
  return undefined;
}

/** The gateway: the first address after the network's own. */
export function gatewayOf(cidr: string): string {
  return addressAt(parseCidr(cidr), 1);
}

export function openIpam(folder: string, cidrs: readonly string[]): Ipam {
  mkdirSync(folder, { recursive: true });
  const ranges = cidrs.map(parseCidr);
  const owned = new Map<string, string>();
  const last: (string | undefined)[] = ranges.map(() => undefined);
  for (const name of readdirSync(folder)) {
    // host-local writes the interface below its owner.
    const [text = ''] = readFileSync(join(folder, name), 'utf8').trim().split(/\r?\n/);
    const range = /^last_reserved_ip\.(\d+)$/.exec(name)?.[1];
    const address = fromFileName(name);
    if (range) last[Number(range)] = text;
    else if (!familyOf(address)) continue;
    else if (text) owned.set(address, text);
    // Its writer was interrupted before it told anybody.
    else rmSync(join(folder, name));
  }
  const held = (owner: string) =>
    ranges.map((range) => [...owned].find(([ip, by]) => by === owner && contains(range, ip))?.[0]);

  return {
    owners: () => new Set(owned.values()),
    held: (owner) => held(owner).flatMap((address) => address ?? []),
    allocate(owner) {
      const existing = held(owner);
      const chosen = ranges.map((range, index) => {
        const address = existing[index] ?? nextAddress(range, new Set(owned.keys()), last[index]);
        if (!address) throw new RangeExhaustedError(range, index);
        return address;
      });
      for (const [index, address] of chosen.entries()) {
        if (existing[index]) continue;
        reserve(join(folder, fileName(address)), owner);
        owned.set(address, owner);
        last[index] = address;
        writeFileSync(join(folder, `last_reserved_ip.${index}`), address);
      }
      return chosen;
    },
    release(owner) {
      for (const [address, by] of [...owned]) {
        if (by !== owner) continue;
        owned.delete(address);
        rmSync(join(folder, fileName(address)), { force: true });
      }
    },
  };
}

/** Throws, and leaves the file as it was, where somebody else has written it meanwhile or it cannot be written. */
function reserve(file: string, owner: string): void {
  try {
    writeFileSync(file, owner, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(file, { force: true });
    throw error;
  }
}

function lastIndex(range: Cidr): number {
  return Math.min(Number(sizeOf(range)) - (range.family === 'IPv4' ? 2 : 1), Number.MAX_SAFE_INTEGER);
}

/** Colons stay out of file names, as in host-local. */
const fileName = (address: string) => address.replaceAll(':', '_');
const fromFileName = (name: string) => name.replaceAll('_', ':');
