import { isIPv4 } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import {
  type Cidr,
  canonicalAddress,
  cidrOf,
  contains,
  formatAddress,
  parseAddress,
} from '../../../../api/address.ts';

/** What `ip.isCanonical` is called on. */
class Addresses {}

class Ip {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

class Network {
  readonly cidr: Cidr;
  /** As it was written, whose host part may be something. */
  readonly address: string;
  constructor(cidr: Cidr, address: string) {
    this.cidr = cidr;
    this.address = address;
  }
  toString(): string {
    return `${this.address}/${this.cidr.bits}`;
  }
}

/** `ip("…")`, `cidr("…")` and what can be asked of them. Upstream: `library/ip.go`, `library/cidr.go`. */
export function registerAddresses(environment: Environment): void {
  const [ip, cidr, names] = ['net.IP', 'net.CIDR', 'kubernetes.Addresses'];
  environment.registerType(ip, { ctor: Ip, fields: {} });
  environment.registerType(cidr, { ctor: Network, fields: {} });
  environment.registerType(names, { ctor: Addresses, fields: {} });
  environment.registerConstant('ip', names, new Addresses());
  environment.registerFunction('isIP(string): bool', (text: string) => readIp(text) !== undefined);
  environment.registerFunction(`ip(string): ${ip}`, (text: string) => mustIp(text));
  environment.registerFunction(
    `${names}.isCanonical(string): bool`,
    (_: Addresses, text: string) => mustIp(text).text === text,
  );
  environment.registerFunction(`string(${ip}): string`, (one: Ip) => one.text);
  environment.registerFunction(`string(${cidr}): string`, (one: Network) => one.toString());
  environment.registerOperator(`${ip} == ${ip}`, (a: Ip, b: Ip) => a.text === b.text);
  environment.registerOperator(
    `${cidr} == ${cidr}`,
    (a: Network, b: Network) => a.toString() === b.toString(),
  );
  environment.registerFunction(`${ip}.family(): int`, ({ text }: Ip) => (isIPv4(text) ? 4n : 6n));
  for (const [name, pattern] of Object.entries(traits)) {
    environment.registerFunction(`${ip}.${name}(): bool`, ({ text }: Ip) => pattern.test(text));
  }
  environment.registerFunction(
    `${ip}.isGlobalUnicast(): bool`,
    ({ text }: Ip) => !notGlobal.test(text) && text !== '255.255.255.255',
  );

  environment.registerFunction('isCIDR(string): bool', (text: string) => readCidr(text) !== undefined);
  environment.registerFunction(`cidr(string): ${cidr}`, (text: string) => mustCidr(text));
  environment.registerFunction(`${cidr}.ip(): ${ip}`, ({ address }: Network) => new Ip(address));
  environment.registerFunction(`${cidr}.prefixLength(): int`, (one: Network) => BigInt(one.cidr.bits));
  environment.registerFunction(`${cidr}.masked(): ${cidr}`, (one: Network) => masked(one));
  const holds = (one: Network, { text }: Ip) => contains(one.cidr, text);
  environment.registerFunction(`${cidr}.containsIP(${ip}): bool`, holds);
  environment.registerFunction(`${cidr}.containsIP(string): bool`, (one: Network, text: string) =>
    holds(one, mustIp(text)),
  );
  const covers = (one: Network, other: Network) =>
    other.cidr.bits >= one.cidr.bits && contains(one.cidr, other.address);
  environment.registerFunction(`${cidr}.containsCIDR(${cidr}): bool`, covers);
  environment.registerFunction(`${cidr}.containsCIDR(string): bool`, (one: Network, text: string) =>
    covers(one, mustCidr(text)),
  );
}

const traits: Readonly<Record<string, RegExp>> = {
  isUnspecified: /^(0\.0\.0\.0|::)$/,
  isLoopback: /^(127\.|::1$)/,
  isLinkLocalMulticast: /^(224\.0\.0\.|ff[0-9a-f]2:)/,
  isLinkLocalUnicast: /^(169\.254\.|fe[89ab][0-9a-f]:)/,
};

const notGlobal = /^(0\.0\.0\.0$|::$|127\.|::1$|22[4-9]\.|23\d\.|ff|169\.254\.|fe[89ab][0-9a-f]:)/;

/** Zones and addresses of IPv4 within those of IPv6 are none. */
function readIp(text: string): Ip | undefined {
  if (text.includes('%') || /^::ffff:\d+\./i.test(text)) return undefined;
  const found = canonicalAddress(text);
  return found === undefined ? undefined : new Ip(found);
}

function mustIp(text: string): Ip {
  const found = readIp(text);
  if (!found) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return found;
}

function readCidr(text: string): Network | undefined {
  const [address = '', bits = ''] = text.split('/');
  const ip = readIp(address);
  const network = ip && /^(0|[1-9]\d*)$/.test(bits) ? cidrOf(text) : undefined;
  return ip && network && new Network(network, ip.text);
}

function mustCidr(text: string): Network {
  const found = readCidr(text);
  if (!found) throw new Error(`network address parse error during conversion from string: ${text}`);
  return found;
}

function masked({ cidr, address }: Network): Network {
  const width = isIPv4(address) ? 32n : 128n;
  const host = width - BigInt(cidr.bits);
  const value = ((parseAddress(address)?.value ?? 0n) >> host) << host;
  return new Network(cidr, formatAddress(cidr.family, value));
}
