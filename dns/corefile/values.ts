import type { Dispenser } from './dispenser.ts';

/** Where a plugin's HTTP server listens; an empty host is every address. */
export interface HostPort {
  host: string;
  port: number;
}

/** A whole number, or undefined. */
export function parseInteger(text: string): number | undefined {
  return /^[-+]?\d+$/.test(text) ? Number(text) : undefined;
}

/** `HOST:PORT`, `:PORT` or `[IPv6]:PORT` in its parts, or undefined. */
export function splitHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!match || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}

/** The one optional argument of `health`, `ready` and `prometheus`, or what holds without it. */
export function optionalAddress(tokens: Dispenser, otherwise: HostPort): HostPort {
  const [text] = tokens.args(0, 1);
  const address = text === undefined ? otherwise : splitHostPort(text);
  if (!address) throw tokens.error(`address ${text}: missing port in address`);
  return address;
}
