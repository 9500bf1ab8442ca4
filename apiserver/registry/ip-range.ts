import { isIPv4, isIPv6 } from 'node:net';

/** An address range; `first` and `last` may be given out. */
export interface IpRange {
  cidr: string;
  family: 'IPv4' | 'IPv6';
  first: bigint;
  last: bigint;
  /** Addresses the CIDR covers, with those that are never given out. */
  size: bigint;
}

/** Takes a CIDR apart. The network's own address and, in IPv4, the broadcast address are not given out. */
export function parseRange(cidr: string): IpRange {
  const [address = '', prefix = ''] = cidr.split('/');
  const family = isIPv4(address) ? 'IPv4' : 'IPv6';
  const width = family === 'IPv4' ? 32 : 128;
  const bits = Number(prefix);
  if (!(isIPv4(address) || isIPv6(address)) || !/^\d+$/.test(prefix) || bits > width) {
    throw new Error(
      `${JSON.stringify(cidr)} is not a CIDR; give one such as 10.96.0.0/12 or fd00:10:96::/112`,
    );
  }
  const size = 1n << BigInt(width - bits);
  const network = (parseIp(address) / size) * size;
  const broadcast = network + size - 1n;
  return { cidr, family, first: network + 1n, last: family === 'IPv4' ? broadcast - 1n : broadcast, size };
}

/** The address as a number. The text must be an address. */
export function parseIp(ip: string): bigint {
  if (isIPv4(ip)) return ip.split('.').reduce((value, octet) => value * 256n + BigInt(octet), 0n);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(ip);
  const text = dotted ? `${dotted[1]}${hexPair(dotted[2] ?? '')}` : ip;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((value, part) => value * 65536n + BigInt(`0x${part}`), 0n);
}

/** The address in its canonical form (RFC 5952 for IPv6). */
export function formatIp(value: bigint, family: 'IPv4' | 'IPv6'): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const parts = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(16 * (7 - index))) & 65535n).toString(16),
  );
  return new URL(`http://[${parts.join(':')}]/`).hostname.slice(1, -1);
}

/** The canonical form of an address given in any form. */
export function canonicalIp(ip: string): string {
  return formatIp(parseIp(ip), isIPv4(ip) ? 'IPv4' : 'IPv6');
}

function hexPair(ipv4: string): string {
  const value = parseIp(ipv4);
  return `${(value >> 16n).toString(16)}:${(value & 65535n).toString(16)}`;
}
