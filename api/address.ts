/**
 * IP addresses and CIDRs as numbers: parsing, printing, arithmetic. IPv6 text is written as RFC 5952 wants,
 * IPv4 is read as upstream's `ParseIPSloppy` and `ParseCIDRSloppy` read it. Rendering rules parses thousands
 * of addresses: hence loops instead of regular expressions.
 */

/** The two address families, in the API's own words. */
export type Family = 'IPv4' | 'IPv6';

/** A network. `base` is its first address as a number, `bits` the length of its prefix. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly bits: number;
  /** Canonical, host bits cleared: `10.96.0.0/12`. */
  readonly text: string;
}

/** An address as a number. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** How many bits an address has. */
export const widthOf = (family: Family): number => (family === 'IPv4' ? 32 : 128);

/** An address as a number, or undefined when the text is none. Leading zeros are decimal. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) {
    const value = parseIPv4(text);
    return value === undefined ? undefined : { family: 'IPv4', value: BigInt(value) };
  }
  const groups = parseGroups(text);
  if (!groups) return undefined;
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  // An IPv4-mapped address is IPv4 to upstream (Go's net.IP).
  return value >> 32n === 0xffffn
    ? { family: 'IPv4', value: value & 0xffffffffn }
    : { family: 'IPv6', value };
}

/** IPv4 or IPv6, or undefined when the text is no address. */
export function familyOf(text: string): Family | undefined {
  return parseAddress(text)?.family;
}

/** The canonical text of an address, or undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address.family, address.value);
}

/** A number as an address, in canonical form. */
export function formatAddress(family: Family, value: bigint): string {
  if (family === 'IPv4') {
    const bits = Number(value);
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  const hex = value.toString(16).padStart(32, '0');
  return formatGroups(groupStarts.map((at) => Number.parseInt(hex.slice(at, at + 4), 16)));
}

/** Parses `10.96.0.0/12`; host bits are dropped. Throws an Error in the words of Go's `ParseCIDR`. */
export function parseCidr(text: string): Cidr {
  const cidr = cidrOf(text);
  if (!cidr) throw new Error(`invalid CIDR address: ${text}`);
  return cidr;
}

/** As {@link parseCidr}, but undefined when the text is no CIDR. */
export function cidrOf(text: string): Cidr | undefined {
  const [address = '', length = '', rest] = text.trim().split('/');
  const parsed = rest === undefined ? parseAddress(address) : undefined;
  if (!parsed) return undefined;
  const bits = digits(length, 10, 3);
  const host = widthOf(parsed.family) - bits;
  if (bits < 0 || host < 0) return undefined;
  const base = (parsed.value >> BigInt(host)) << BigInt(host);
  return { family: parsed.family, base, bits, text: `${formatAddress(parsed.family, base)}/${bits}` };
}

/** How many addresses a network has, those included that nobody may be given. */
export function sizeOf({ family, bits }: Cidr): bigint {
  return 1n << BigInt(widthOf(family) - bits);
}

/** False, too, for what is no address. */
export function contains({ family, base, bits }: Cidr, text: string): boolean {
  const address = parseAddress(text);
  if (address?.family !== family) return false;
  const host = BigInt(widthOf(family) - bits);
  return address.value >> host === base >> host;
}

/** Whether two networks have an address in common: then one of them holds the other. */
export function overlaps(one: Cidr, other: Cidr): boolean {
  const host = BigInt(widthOf(one.family) - Math.min(one.bits, other.bits));
  return one.family === other.family && one.base >> host === other.base >> host;
}

/** The `index`th address of a network, the base being 0. Throws a RangeError outside of it. */
export function addressAt(cidr: Cidr, index: number): string {
  if (index < 0 || index >= sizeOf(cidr)) {
    throw new RangeError(`${cidr.text} has no address number ${index}`);
  }
  return formatAddress(cidr.family, cidr.base + BigInt(index));
}

/** The inverse of {@link addressAt}. Throws a RangeError for what is not in the network. */
export function indexOf(cidr: Cidr, text: string): number {
  const address = parseAddress(text);
  if (!address || !contains(cidr, text)) throw new RangeError(`${text} is no address of ${cidr.text}`);
  return Number(address.value - cidr.base);
}

/** The `index`th subnet of the given prefix length: `subnetAt(10.244.0.0/16, 24, 1)` is 10.244.1.0/24. */
export function subnetAt({ family, base }: Cidr, bits: number, index: number): string {
  const host = BigInt(widthOf(family) - bits);
  return `${formatAddress(family, base + (BigInt(index) << host))}/${bits}`;
}

/** `10.1.2.3:80`, or `[fd00::1]:80`. */
export function joinHostPort(address: string, port: number | string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The eight groups of an IPv6 address, or undefined when the text is none. */
export function parseGroups(text: string): number[] | undefined {
  const [head = '', tail, more] = text.split('::');
  const left = partialGroups(head, tail === undefined);
  const right = tail === undefined ? [] : partialGroups(tail, true);
  if (!left || !right || more !== undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...Array<number>(missing).fill(0), ...right];
}

/** Eight groups as IPv6 text: the first of the longest runs of zeros is left out, unless it is a single one. */
export function formatGroups(groups: readonly number[]): string {
  let [start, length] = [0, 1];
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
    from = to;
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

const groupStarts = [0, 4, 8, 12, 16, 20, 24, 28];

function parseIPv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const octet = digits(part, 10, 3);
    if (octet < 0 || octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

/** What stands on one side of `::`. The last 32 bits of an address may be written as IPv4. */
function partialGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    const embedded = last && i === parts.length - 1 && part.includes('.') ? parseIPv4(part) : undefined;
    const group = digits(part, 16, 4);
    if (embedded !== undefined) groups.push(embedded >>> 16, embedded & 0xffff);
    else if (group >= 0) groups.push(group);
    else return undefined;
  }
  return groups;
}

/** A number of 1 to `most` digits and nothing else, or -1. */
function digits(text: string, radix: 10 | 16, most: number): number {
  if (text.length === 0 || text.length > most) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = (code | 0x20) - 97;
    const digit = letter >= 0 ? letter + 10 : code - 48;
    if (digit < 0 || digit >= radix || (letter < 0 && digit > 9)) return -1;
    value = value * radix + digit;
  }
  return value;
}
