import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { splitHostPort } from '../../corefile/values.ts';

/** Where queries are sent. */
export interface UpstreamAddress {
  host: string;
  port: number;
  transport: 'dns' | 'tls';
  tlsServerName?: string;
}

/**
 * An address with or without transport and port, the name of a TLS server after a `%`, or a file like
 * /etc/resolv.conf: `10.0.0.1`, `[fd00::1]:5353`, `tls://9.9.9.9%dns.quad9.net:853`. Throws `CorefileError`.
 */
export function addressesOf(text: string, tokens: Dispenser): UpstreamAddress[] {
  const scheme = /^([a-z]+):\/\//.exec(text);
  const transport = scheme?.[1] ?? 'dns';
  if (transport !== 'dns' && transport !== 'tls')
    throw tokens.error(`'${transport}' is not supported as a destination protocol in forward: ${text}`);
  const rest = scheme ? text.slice(scheme[0].length) : text;
  const address = hostAndPort(rest, transport === 'tls' ? 853 : 53);
  if (address) return [{ ...address, transport }];
  if (!scheme && statSync(text, { throwIfNoEntry: false })?.isFile()) return nameServersOf(text);
  throw tokens.error(`not an IP address or file: ${JSON.stringify(text)}`);
}

function hostAndPort(text: string, port: number): Omit<UpstreamAddress, 'transport'> | undefined {
  // The name stands in the brackets of an IPv6 address, or between the address and the port.
  const named = /^(\[?[^%\]]+)%([^:\]]+)(.*)$/.exec(text);
  const bare = named ? `${named[1]}${named[3]}` : text;
  const host = bare.replace(/^\[(.*)\]$/, '$1');
  const found = isIP(host) ? { host, port } : splitHostPort(bare);
  if (!found || !isIP(found.host)) return undefined;
  return { ...found, ...(named?.[2] ? { tlsServerName: named[2] } : {}) };
}

function nameServersOf(file: string): UpstreamAddress[] {
  return [...readFileSync(file, 'utf8').matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, text = '']) => {
    const host = text.split('%')[0] ?? '';
    return isIP(host) ? [{ host, port: 53, transport: 'dns' as const }] : [];
  });
}
