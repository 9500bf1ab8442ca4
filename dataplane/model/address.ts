/** The two address families, in the API's own words. */
export type Family = 'IPv4' | 'IPv6';

/** A network: the address and prefix as numbers, and the text iptables takes. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly bits: number;
  readonly text: string;
}

/** An address as a number, or undefined when the text is none. Leading zeros are decimal, as upstream's `ParseIPSloppy` reads them. */
export function parseAddress(text: string): { family: Family; value: bigint } | undefined {
  if (!text.includes(':')) {
    const value = parseIPv4(text);
    return value === undefined ? undefined : { family: 'IPv4', value };
  }
  const value = parseIPv6(text);
  if (value === undefined) return undefined;
  // An IPv4-mapped address is IPv4 to upstream (Go's net.IP).
  if (value >> 32n === 0xffffn) return { family: 'IPv4', value: value & 0xffffffffn };
  return { family: 'IPv6', value };
}

/** IPv4 or IPv6, or undefined when the text is no address. */
export function familyOf(text: string): Family | undefined {
  return parseAddress(text)?.family;
}

/** The canonical text of an address (RFC 5952), or undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address.family, address.value);
}

export function formatAddress(family: Family, value: bigint): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

/** `10.0.0.0/8` with host bits cleared; undefined when the text is no CIDR. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, rest] = text.trim().split('/');
  if (!address || !length || rest !== undefined || !/^\d+$/.test(length)) return undefined;
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  const width = widthOf(parsed.family);
  const bits = Number(length);
  if (bits > width) return undefined;
  const host = BigInt(width - bits);
  const base = (parsed.value >> host) << host;
  return { family: parsed.family, base, bits, text: `${formatAddress(parsed.family, base)}/${bits}` };
}

export function contains(cidr: Cidr, text: string): boolean {
  const address = parseAddress(text);
  if (!address || address.family !== cidr.family) return false;
  const host = BigInt(widthOf(cidr.family) - cidr.bits);
  return address.value >> host === cidr.base >> host;
}

/** `10.1.2.3:80`, or `[fd00::1]:80`. */
export function joinHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export const widthOf = (family: Family): number => (family === 'IPv4' ? 32 : 128);

function parseIPv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(Number(part));
  }
  return value;
}

function parseIPv6(text: string): bigint | undefined {
  const [head = '', tail, more] = text.split('::');
  if (more !== undefined) return undefined;
  const left = parseGroups(head);
  const right = tail === undefined ? [] : parseGroups(tail);
  if (!left || !right) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...Array<number>(missing).fill(0), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes('.')) {
      const embedded = parseIPv4(part);
      if (embedded === undefined) return undefined;
      groups.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}
