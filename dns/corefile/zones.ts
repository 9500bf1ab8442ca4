import { addressBytes } from '../wire/addresses.ts';
import { fqdn, isDomainName } from '../wire/names.ts';
import { parseInteger } from './values.ts';

export type Transport = 'dns' | 'tls' | 'grpc' | 'https' | 'quic';

/** What the key of a server block stands for. */
export interface ZoneKey {
  /** Fully qualified, lower case; several when a CIDR does not end on a label. */
  zones: string[];
  port?: number;
  transport: Transport;
}

/**
 * Reads a key such as `.`, `example.org:1053`, `dns://.:53` or `10.0.0.0/16` (its reverse zone). Throws an
 * Error without a place; upstream: plugin/normalize.go.
 */
export function parseZoneKey(key: string): ZoneKey {
  const scheme = /^([a-z]+):\/\//.exec(key);
  const transport = (scheme?.[1] ?? 'dns') as Transport;
  if (!['dns', 'tls', 'grpc', 'https', 'quic'].includes(transport))
    throw new Error(`unknown transport '${transport}' in ${key}`);
  let text = scheme ? key.slice(scheme[0].length) : key;
  const colon = text.lastIndexOf(':');
  if (colon >= 0 && colon === text.length - 1) throw new Error(`expecting data after last colon: "${text}"`);
  const port = colon >= 0 ? parseInteger(text.slice(colon + 1)) : undefined;
  if (port !== undefined) text = text.slice(0, colon);
  if (port !== undefined && (port < 0 || port > 65_535)) throw new Error(`invalid port ${port} in ${key}`);
  if (text.length > 255) throw new Error(`specified zone is too long: ${text.length} > 255`);
  const host = text === '' ? '.' : text;
  if (!host.includes('/') && !isDomainName(host)) throw new Error(`zone is not a valid domain name: ${host}`);
  const zones = reverseZones(host) ?? [fqdn(host).toLowerCase()];
  return { zones, transport, ...(port === undefined ? {} : { port }) };
}

/** The zones that a plugin's arguments name, or those of the server block when there are none. */
export function zonesFromArgs(args: readonly string[], blockZones: readonly string[]): string[] {
  return args.length === 0 ? [...blockZones] : args.flatMap((arg) => parseZoneKey(arg).zones);
}

/** The reverse zones that cover a CIDR, split until each ends on a label; undefined for what is no CIDR. */
export function reverseZones(cidr: string): string[] | undefined {
  const [address = '', bits = ''] = cidr.split('/');
  const length = parseInteger(bits);
  const bytes = addressBytes(address);
  if (!bytes || length === undefined || length < 0 || length > bytes.length * 8) return undefined;
  const step = bytes.length === 4 ? 8 : 4;
  const labels =
    bytes.length === 4
      ? [...bytes].map(String)
      : [...bytes].flatMap((b) => [(b >> 4).toString(16), (b & 15).toString(16)]);
  const suffix = bytes.length === 4 ? 'in-addr.arpa.' : 'ip6.arpa.';
  const whole = Math.floor(length / step);
  const rest = length % step;
  const fixed = labels.slice(0, whole);
  const zone = (parts: string[]) => [...parts].reverse().concat(suffix).join('.');
  if (rest === 0) return [zone(fixed)];
  const radix = bytes.length === 4 ? 10 : 16;
  const size = 2 ** (step - rest);
  const first = Math.floor(Number.parseInt(labels[whole] ?? '0', radix) / size) * size;
  return Array.from({ length: size }, (_, i) => zone([...fixed, (first + i).toString(radix)]));
}
