import { statusError } from '../../api/status.ts';
import table from './fields.json' with { type: 'json' };
import { createReader, type Reader, WireType } from './reader.ts';

const messages: Readonly<Record<string, Readonly<Record<string, string>>>> = table;

/** `k8s` and a zero byte: what every body begins with. Upstream: `runtime/serializer/protobuf`. */
const magic = Buffer.from('k8s\0');

/**
 * Reads `application/vnd.kubernetes.protobuf` into what the same object is as JSON. kubectl since 1.32 and the
 * components of Kubernetes send their objects this way. Numbers of fields: `fields.json`.
 *
 * @throws StatusError BadRequest for what is no such body, or a kind this server does not know in this form
 */
export function decodeProtobuf(body: Buffer): Record<string, unknown> {
  if (!body.subarray(0, magic.length).equals(magic)) {
    throw statusError(
      'BadRequest',
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  try {
    return readEnvelope(createReader(body.subarray(magic.length)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw statusError('BadRequest', `proto: cannot parse the request body: ${error.message}`);
  }
}

/** `runtime.Unknown`: apiVersion and kind, then the object's own bytes. */
function readEnvelope(reader: Reader): Record<string, unknown> {
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  for (const { number } of reader.fields()) {
    if (number === 1) {
      const type = createReader(reader.bytes());
      for (const inner of type.fields()) {
        if (inner.number === 1) apiVersion = type.bytes().toString();
        else if (inner.number === 2) kind = type.bytes().toString();
        else type.skip(inner.wireType);
      }
    } else if (number === 2) raw = reader.bytes();
    else reader.bytes();
  }
  const name = messageOf(apiVersion, kind);
  return { kind, apiVersion, ...readMessage(createReader(raw), name) };
}

/** `apps/v1`, `Deployment` → `apps.Deployment`. */
function messageOf(apiVersion: string, kind: string): string {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : 'core';
  const name = kind === 'DeleteOptions' ? 'meta.DeleteOptions' : `${group.split('.')[0]}.${kind}`;
  if (messages[name]) return name;
  throw statusError(
    'BadRequest',
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf; send application/json`,
  );
}

function readMessage(reader: Reader, name: string): Record<string, unknown> {
  const fields = messages[name] ?? {};
  const object: Record<string, unknown> = {};
  for (const { number, wireType } of reader.fields()) {
    const [field = '', type = '', omitted] = fields[number]?.split(' ') ?? [];
    if (!field) {
      reader.skip(wireType);
    } else if (field === '.') {
      Object.assign(object, readMessage(createReader(reader.bytes()), type));
    } else if (type.startsWith('[]')) {
      const list = (object[field] as unknown[] | undefined) ?? [];
      object[field] = list;
      list.push(...readElements(reader, wireType, type.slice(2)));
    } else if (type.startsWith('{}')) {
      const map = (object[field] as Record<string, unknown> | undefined) ?? {};
      object[field] = map;
      const [key, value] = readEntry(createReader(reader.bytes()), type.slice(2));
      map[key] = value;
    } else {
      const value = readValue(reader, wireType, type);
      // Go writes fields that are not pointers even when empty; its JSON leaves those out.
      if (!omitted || (value !== '' && value !== 0 && value !== false)) object[field] = value;
    }
  }
  return object;
}

/** One element, or several numbers packed into one field. */
function readElements(reader: Reader, wireType: WireType, type: string): unknown[] {
  if (type !== 'int' || wireType !== WireType.bytes) return [readValue(reader, wireType, type)];
  const packed = createReader(reader.bytes());
  const list: number[] = [];
  while (!packed.done()) list.push(packed.varint());
  return list;
}

function readEntry(reader: Reader, type: string): [string, unknown] {
  let key = '';
  let value: unknown = type === 'string' ? '' : undefined;
  for (const { number, wireType } of reader.fields()) {
    if (number === 1) key = reader.bytes().toString();
    else value = readValue(reader, wireType, type);
  }
  return [key, value];
}

function readValue(reader: Reader, wireType: WireType, type: string): unknown {
  switch (type) {
    case 'int':
      return reader.varint();
    case 'bool':
      return reader.varint() !== 0;
    case 'string':
      return reader.bytes().toString();
    case 'bytes':
      return reader.bytes().toString('base64');
  }
  if (wireType !== WireType.bytes) throw new RangeError(`wire type ${wireType} for ${type}`);
  const inner = createReader(reader.bytes());
  return messages[type] ? readMessage(inner, type) : readSpecial(inner, type);
}

/** Messages whose JSON is not an object. All their fields are numbers or texts. */
function readSpecial(reader: Reader, type: string): unknown {
  const texts: string[] = [];
  const numbers: number[] = [];
  for (const { number, wireType } of reader.fields()) {
    if (wireType === WireType.varint) numbers[number] = reader.varint();
    else if (wireType === WireType.bytes) texts.push(reader.bytes().toString());
    else reader.skip(wireType);
  }
  switch (type) {
    case 'quantity':
      return texts[0] ?? '0';
    case 'intOrString':
      return numbers[1] ? (texts[0] ?? '') : (numbers[2] ?? 0);
    case 'strings':
      return texts;
    case 'time':
    case 'microTime':
      return formatTime(numbers[1], numbers[2] ?? 0, type === 'microTime');
    case 'raw':
      return texts[0] ? JSON.parse(texts[0]) : undefined;
    default:
      throw new RangeError(`unknown type ${type}`);
  }
}

/** The zero time has no fields at all and is `null` as JSON. */
function formatTime(seconds: number | undefined, nanoseconds: number, micro: boolean): string | null {
  if (seconds === undefined) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(nanoseconds / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}
