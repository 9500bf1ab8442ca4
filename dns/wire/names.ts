/**
 * Domain names in their text form: always fully qualified (`cluster.local.`, the root is `.`), in the case they
 * were written in, with `\.`, `\\` and `\DDD` for bytes that are no plain label characters (RFC 1035 5.1).
 */

/** A place in a packet; reading moves `at`. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** A packet that is not what RFC 1035 describes. */
export class WireError extends Error {
  override name = 'WireError';
}

const longestName = 255;

/** Reads a name, following compression pointers, which may only lead backwards. Throws {@link WireError}. */
export function readName(cursor: Cursor): string {
  const { bytes } = cursor;
  let at = cursor.at;
  let end = -1;
  let floor = at;
  let length = 1;
  let name = '';
  for (;;) {
    const size = bytes[at];
    if (size === undefined) throw new WireError('name runs past the end of the packet');
    if (size === 0) break;
    if (size >= 0xc0) {
      const target = ((size & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (at + 1 >= bytes.length || target >= floor) throw new WireError('compression pointer leads nowhere');
      if (end < 0) end = at + 2;
      floor = at = target;
      continue;
    }
    if (size > 63) throw new WireError(`label type 0x${size.toString(16)} is not known`);
    length += size + 1;
    if (length > longestName) throw new WireError('name is longer than 255 bytes');
    if (at + 1 + size > bytes.length) throw new WireError('label runs past the end of the packet');
    name += `${labelText(bytes, at + 1, at + 1 + size)}.`;
    at += size + 1;
  }
  cursor.at = end < 0 ? at + 1 : end;
  return name === '' ? '.' : name;
}

function labelText(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte <= 0x20 || byte >= 0x7f || byte === 0x2e || byte === 0x5c)
      return escapedLabel(bytes, start, end);
  }
  return bytes.toString('latin1', start, end);
}

function escapedLabel(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (const byte of bytes.subarray(start, end)) {
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte <= 0x20 || byte >= 0x7f) text += `\\${String(byte).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** The labels of a name, still escaped; none for the root. */
export function labelsOf(name: string): string[] {
  if (name === '.' || name === '') return [];
  const trimmed = name.endsWith('.') ? name.slice(0, -1) : name;
  if (!trimmed.includes('\\')) return trimmed.split('.');
  return trimmed.match(/(?:\\.|[^.\\])+/g) ?? [];
}

/** The bytes of one label as text, with its escapes undone. */
export function labelBytes(label: string): Buffer {
  if (!label.includes('\\')) return Buffer.from(label, 'latin1');
  const plain = label.replace(/\\(\d{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number(code) & 255) : code,
  );
  return Buffer.from(plain, 'latin1');
}

/** True when `name` is `zone` or below it, whatever the case. */
export function isSubdomain(zone: string, name: string): boolean {
  if (zone === '.') return true;
  if (name.length < zone.length) return false;
  const start = name.length - zone.length;
  if (start > 0 && (name.charCodeAt(start - 1) !== 0x2e || isEscaped(name, start - 1))) return false;
  return name.slice(start).toLowerCase() === zone.toLowerCase();
}

/** The name without its first label; the root for a name of one. */
export function parentOf(name: string): string {
  let dot = name.indexOf('.');
  while (isEscaped(name, dot)) dot = name.indexOf('.', dot + 1);
  return dot < 0 || dot === name.length - 1 ? '.' : name.slice(dot + 1);
}

/** True for a character that belongs to a label, whatever it stands for otherwise. */
function isEscaped(name: string, at: number): boolean {
  let slashes = 0;
  while (name.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

/** The longest of `zones` that holds `name`. */
export function matchZone(zones: readonly string[], name: string): string | undefined {
  let best: string | undefined;
  for (const zone of zones) if (zone.length > (best?.length ?? 0) && isSubdomain(zone, name)) best = zone;
  return best;
}

/** Adds the final dot where it is missing. */
export function fqdn(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

/** True for text that can be a domain name: labels of 1 to 63 bytes, 255 in all. */
export function isDomainName(text: string): boolean {
  if (text === '.') return true;
  if (/^\.|(?<!\\)\.\./.test(text)) return false;
  const sizes = labelsOf(text).map((label) => labelBytes(label).length);
  return (
    sizes.every((size) => size > 0 && size < 64) &&
    sizes.reduce((sum, size) => sum + size + 1, 1) <= longestName
  );
}
