import { isIPv4, isIPv6 } from 'node:net';
import { canonicalAddress } from '../wire/addresses.ts';
import { type ResourceRecord, typeCode, typeName } from '../wire/message.ts';
import { fqdn, isDomainName, labelBytes, labelsOf } from '../wire/names.ts';
import type { Word } from './words.ts';

/** The data of a record in presentation form, with the origin that its relative names end in. */
export interface Source {
  words: Word[];
  origin: string;
}

/** Thrown where a record's data is not what its type takes; whoever knows the line adds it. */
export class DataError extends Error {
  override name = 'DataError';
}

/** Makes a record of its type and data (RFC 1035 5.1, RFC 3597 5 for types without a form here). */
export function recordOf(of: { name: string; ttl: number }, type: string, source: Source): ResourceRecord {
  const take = createReader(type, source);
  if (source.words[0]?.text === '\\#' && !source.words[0].quoted) return unknownData(of, type, source.words);
  const record = readData(of, type, take);
  take.end();
  return record;
}

type Reader = ReturnType<typeof createReader>;

function createReader(type: string, { words, origin }: Source) {
  let at = 0;
  const text = (what: string): string => {
    const word = words[at++];
    if (!word) throw new DataError(`${type} record without its ${what}`);
    return word.text;
  };
  return {
    text,
    name: (what: string) => absoluteName(text(what), origin),
    number(what: string, most = 65_535): number {
      const value = text(what);
      if (!/^\d+$/.test(value) || Number(value) > most)
        throw new DataError(`${what} of a ${type} record must be a number up to ${most}: ${value}`);
      return Number(value);
    },
    seconds(what: string): number {
      const value = text(what);
      const seconds = parseSeconds(value);
      if (seconds === undefined) throw new DataError(`${what} of a ${type} record is no time: ${value}`);
      return seconds;
    },
    bytes: (what: string) => labelBytes(text(what)),
    /** All the rest, as one. */
    rest(): string[] {
      const rest = words.slice(at).map((word) => word.text);
      at = words.length;
      return rest;
    },
    end() {
      const word = words[at];
      if (word) throw new DataError(`${type} record with more than it takes: ${word.text}`);
    },
  };
}

function readData(of: { name: string; ttl: number }, type: string, take: Reader): ResourceRecord {
  switch (type) {
    case 'A': {
      const data = take.text('address');
      if (!isIPv4(data)) throw new DataError(`bad A record: ${data} is no IPv4 address`);
      return { ...of, type, data };
    }
    case 'AAAA': {
      const data = take.text('address');
      if (!isIPv6(data)) throw new DataError(`bad AAAA record: ${data} is no IPv6 address`);
      return { ...of, type, data: canonicalAddress(data) };
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return { ...of, type, data: take.name('target') };
    case 'TXT':
      return { ...of, type, data: [take.text('text'), ...take.rest()].flatMap(characterStrings) };
    case 'MX':
      return {
        ...of,
        type,
        data: { preference: take.number('preference'), exchange: take.name('exchange') },
      };
    case 'SRV':
      return {
        ...of,
        type,
        data: {
          priority: take.number('priority'),
          weight: take.number('weight'),
          port: take.number('port'),
          target: take.name('target'),
        },
      };
    case 'SOA':
      return {
        ...of,
        type,
        data: {
          mname: take.name('name server'),
          rname: take.name('mailbox'),
          serial: take.number('serial', 0xffff_ffff),
          refresh: take.seconds('refresh'),
          retry: take.seconds('retry'),
          expire: take.seconds('expire'),
          minimum: take.seconds('minimum'),
        },
      };
    default:
      return { ...of, type: 'RAW', code: typeCode(type) ?? 0, data: rawData(type, take) };
  }
}

/** The bytes of types that nothing here looks into. */
function rawData(type: string, take: Reader): Buffer {
  const hex = () => Buffer.from(take.rest().join(''), 'hex');
  const base64 = () => Buffer.from(take.rest().join(''), 'base64');
  switch (type) {
    case 'HINFO':
      return Buffer.concat([counted(take.bytes('CPU')), counted(take.bytes('OS'))]);
    case 'SPF':
      return Buffer.concat(
        [take.text('text'), ...take.rest()]
          .flatMap(characterStrings)
          .map((text) => counted(Buffer.from(text, 'latin1'))),
      );
    case 'CAA':
      return Buffer.concat([
        numbers([take.number('flags', 255), 1]),
        counted(take.bytes('tag')),
        take.bytes('value'),
      ]);
    case 'NAPTR':
      return Buffer.concat([
        numbers([take.number('order'), 2], [take.number('preference'), 2]),
        ...['flags', 'service', 'regexp'].map((what) => counted(take.bytes(what))),
        nameBytes(take.name('replacement')),
      ]);
    case 'DS':
    case 'CDS':
      return Buffer.concat([
        numbers(
          [take.number('key tag'), 2],
          [take.number('algorithm', 255), 1],
          [take.number('digest type', 255), 1],
        ),
        hex(),
      ]);
    case 'DNSKEY':
    case 'CDNSKEY':
      return Buffer.concat([
        numbers(
          [take.number('flags'), 2],
          [take.number('protocol', 255), 1],
          [take.number('algorithm', 255), 1],
        ),
        base64(),
      ]);
    case 'SSHFP':
      return Buffer.concat([
        numbers([take.number('algorithm', 255), 1], [take.number('type', 255), 1]),
        hex(),
      ]);
    case 'TLSA':
      return Buffer.concat([
        numbers(
          [take.number('usage', 255), 1],
          [take.number('selector', 255), 1],
          [take.number('type', 255), 1],
        ),
        hex(),
      ]);
    default:
      throw new DataError(`data of type ${type} can only be written as RFC 3597 has it: \\# LENGTH HEX`);
  }
}

function unknownData(of: { name: string; ttl: number }, type: string, words: Word[]): ResourceRecord {
  const length = Number(words[1]?.text);
  const data = Buffer.from(
    words
      .slice(2)
      .map((word) => word.text)
      .join(''),
    'hex',
  );
  if (data.length !== length)
    throw new DataError(`${type} record with ${data.length} bytes of data where \\# says ${words[1]?.text}`);
  return { ...of, type: 'RAW', code: typeCode(type) ?? 0, data };
}

/** `@`, a relative or an absolute name, fully qualified. Throws {@link DataError} for what cannot be a name. */
export function absoluteName(text: string, origin: string): string {
  if (text === '@') return origin;
  const name =
    text.endsWith('.') && !text.endsWith('\\.') ? text : `${fqdn(text)}${origin === '.' ? '' : origin}`;
  if (!isDomainName(name)) throw new DataError(`not a domain name: ${text}`);
  return name;
}

/** Seconds of `300`, `1h30m`, `2W`; undefined for other text. */
export function parseSeconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) <= 0xffff_ffff ? Number(text) : undefined;
  if (!/^(?:\d+[smhdw])+$/i.test(text)) return undefined;
  const units: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
  let total = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhdw])/gi))
    total += Number(count) * (units[unit.toLowerCase()] ?? 0);
  return total;
}

/** The code of a type's name in upper case, or undefined for what is no type. */
export function isType(text: string): boolean {
  return typeCode(text.toUpperCase()) !== undefined;
}

/** Every way to write a type becomes one: `TYPE1` is `A`. */
export function canonicalType(text: string): string {
  return typeName(typeCode(text.toUpperCase()) ?? 0);
}

/** Pieces of at most 255 bytes, as latin1 text. */
function characterStrings(text: string): string[] {
  const bytes = labelBytes(text);
  if (bytes.length <= 255) return [bytes.toString('latin1')];
  return Array.from({ length: Math.ceil(bytes.length / 255) }, (_, i) =>
    bytes.toString('latin1', i * 255, Math.min((i + 1) * 255, bytes.length)),
  );
}

function counted(bytes: Buffer): Buffer {
  if (bytes.length > 255) throw new DataError(`a character string is longer than 255 bytes: ${bytes.length}`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function numbers(...of: [value: number, size: number][]): Buffer {
  return Buffer.concat(
    of.map(([value, size]) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      return bytes;
    }),
  );
}

function nameBytes(name: string): Buffer {
  return Buffer.concat([...labelsOf(name).map((label) => counted(labelBytes(label))), Buffer.from([0])]);
}
