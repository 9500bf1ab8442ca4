/** One element of DER (ITU-T X.690): its tag, its content, and both with the length between as they were read. */
export interface Element {
  /** The identifier octet: 0x30 for a SEQUENCE. */
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** Identifier octets. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  objectId: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The bytes are no DER, or not of the expected structure. */
export class DerError extends Error {
  override name = 'DerError';
}

/** The elements that follow each other in `bytes`. Throws {@link DerError}. */
export function readAll(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const element = readAt(bytes, offset);
    elements.push(element);
    offset += element.whole.length;
  }
  return elements;
}

/** The one element `bytes` are; throws for anything after it. */
export function readOne(bytes: Buffer, tag: number): Element {
  const element = readAt(bytes, 0);
  if (element.whole.length !== bytes.length) {
    throw new DerError(`${bytes.length - element.whole.length} bytes of trailing data`);
  }
  return expectTag(element, tag);
}

/** `element` itself, when it is there and has that tag. */
export function expectTag(element: Element | undefined, tag: number): Element {
  if (element?.tag === tag) return element;
  const found = element ? `0x${element.tag.toString(16)}` : 'nothing';
  throw new DerError(`structure error: expected tag 0x${tag.toString(16)}, found ${found}`);
}

/** What a constructed element holds. */
export function childrenOf(element: Element | undefined, tag: number = tags.sequence): Element[] {
  return readAll(expectTag(element, tag).content);
}

/** `2.5.4.3` of an OBJECT IDENTIFIER. */
export function readObjectId(element: Element | undefined): string {
  const { content } = expectTag(element, tags.objectId);
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (numbers.length === 0) {
      const first = Math.min(Math.floor(number / 40), 2);
      numbers.push(first, number - first * 40);
    } else numbers.push(number);
    number = 0;
  }
  return numbers.join('.');
}

/** The bytes of a BIT STRING of whole bytes. */
export function readBits(element: Element | undefined): Buffer {
  const { content } = expectTag(element, tags.bits);
  if (content[0] !== 0) throw new DerError('a BIT STRING is not of whole bytes');
  return content.subarray(1);
}

export function write(tag: number, ...parts: Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const big: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) big.unshift(rest % 256);
  const head = length < 128 ? [tag, length] : [tag, 0x80 | big.length, ...big];
  return Buffer.concat([Buffer.from(head), ...parts]);
}

export const sequence = (...parts: Uint8Array[]) => write(tags.sequence, ...parts);
/** Parts in the order in which DER wants them is the caller's part. */
export const set = (...parts: Uint8Array[]) => write(tags.set, ...parts);
export const octets = (bytes: Uint8Array) => write(tags.octets, bytes);
export const yes = () => write(tags.boolean, Buffer.from([0xff]));
/** A BIT STRING whose last byte lacks `unused` bits. */
export const bits = (bytes: Uint8Array, unused = 0) => write(tags.bits, Buffer.from([unused]), bytes);
/** Tagged [n] of a context: with elements inside, or with `primitive` bytes. */
export const context = (n: number, ...parts: Uint8Array[]) => write(0xa0 | n, ...parts);
export const primitive = (n: number, bytes: Uint8Array) => write(0x80 | n, bytes);

/** A positive INTEGER from its bytes, most significant first. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const lean = bytes.subarray(start);
  return (lean[0] ?? 0) & 0x80
    ? write(tags.integer, Buffer.from([0]), lean)
    : write(tags.integer, lean.length > 0 ? lean : Buffer.from([0]));
}

export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((number) => {
    const digits = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return write(tags.objectId, Buffer.from(bytes));
}

/** A UTCTime up to 2049, a GeneralizedTime from then on (RFC 5280, 4.1.2.5); whole seconds. */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? write(tags.utcTime, Buffer.from(text.slice(2)))
    : write(tags.generalizedTime, Buffer.from(text));
}

function readAt(bytes: Buffer, offset: number): Element {
  const tag = bytes[offset];
  let length = bytes[offset + 1];
  if (tag === undefined || length === undefined) throw new DerError('data truncated');
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
  let start = offset + 2;
  if (length >= 128) {
    const count = length - 128;
    if (count === 0 || count > 4) throw new DerError('indefinite or too long length');
    length = 0;
    for (const byte of bytes.subarray(start, start + count)) length = length * 256 + byte;
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('data truncated');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(offset, end) };
}
