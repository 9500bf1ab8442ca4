import { isIPv4 } from 'node:net';
import { formatGroups, parseGroups } from '../../api/address.ts';

/** The 4 or 16 bytes of an IP address, or undefined for anything that is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return quad(text);
  const groups = parseGroups(text.split('%')[0] ?? '');
  return groups && Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** The bytes of what is known to be an IPv4 address. */
function quad(text: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0) at++;
    else bytes[at] = (bytes[at] ?? 0) * 10 + digit;
  }
  return bytes;
}

/** The usual text of 4 or 16 address bytes; IPv6 as RFC 5952 has it, so that equal addresses are equal texts. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return formatGroups(
    Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)),
  );
}

/** One text for every way to write the same address; other text is returned as it is. */
export function canonicalAddress(text: string): string {
  if (!text.includes(':')) return text;
  const bytes = addressBytes(text);
  return bytes ? formatAddress(bytes) : text;
}

/** `10.0.0.1` → `1.0.0.10.in-addr.arpa.`, IPv6 by nibbles below `ip6.arpa.` (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseName(address: string): string | undefined {
  const bytes = addressBytes(address);
  if (!bytes) return undefined;
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa.`;
  const nibbles = [...bytes].flatMap((byte) => [byte >> 4, byte & 15]);
  return `${nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join('.')}.ip6.arpa.`;
}

/** The address that a complete reverse name stands for; undefined for every other name. */
export function addressOfReverseName(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (lower.endsWith('.in-addr.arpa.')) {
    const text = lower.slice(0, -14).split('.').reverse().join('.');
    return isIPv4(text) ? text : undefined;
  }
  if (!lower.endsWith('.ip6.arpa.')) return undefined;
  const nibbles = lower.slice(0, -10).split('.').reverse();
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined;
  return formatAddress(Buffer.from(nibbles.join(''), 'hex'));
}
