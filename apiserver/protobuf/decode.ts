import { statusError } from '../../api/status.ts';
import { magic } from './envelope.ts';
import { type Field, type Message, messageNamed, messageOf } from './messages.ts';
import { createReader, type Reader, WireType } from './reader.ts';

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
    // SyntaxError: JSON within, as a revision of a workload has it.
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
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
  const message = messageOf(apiVersion, kind);
  if (!message) {
    throw statusError(
      'BadRequest',
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf; send application/json`,
    );
  }
  return { kind, apiVersion, ...readMessage(createReader(raw), message) };
}

function readMessage(reader: Reader, message: Message): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { number, wireType } of reader.fields()) {
    const field = message.fields.get(number);
    if (!field) {
      reader.skip(wireType);
      continue;
    }
    const { name } = field;
    if (field.shape === 'inline') {
      const inner = createReader(reader.bytes());
      if (field.message) Object.assign(object, readMessage(inner, field.message));
    } else if (field.shape === 'list') {
      const list = (object[name] as unknown[] | undefined) ?? [];
      object[name] = list;
      list.push(...readElements(reader, wireType, field));
    } else if (field.shape === 'map') {
      const map = (object[name] as Record<string, unknown> | undefined) ?? {};
      object[name] = map;
      const [key, value] = readEntry(createReader(reader.bytes()), field);
      // `__proto__` is a key like others, as it is in JSON.
      Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    } else {
      const value = readValue(reader, wireType, field);
      // Go writes fields that are not pointers even when empty; its JSON leaves those out.
      if (!field.omitEmpty || (value !== '' && value !== 0 && value !== false)) object[name] = value;
    }
  }
  return object;
}

/** One element, or several numbers packed into one field. */
function readElements(reader: Reader, wireType: WireType, field: Field): unknown[] {
  if (field.type !== 'int' || wireType !== WireType.bytes) return [readValue(reader, wireType, field)];
  const packed = createReader(reader.bytes());
  const list: number[] = [];
  while (!packed.done()) list.push(packed.varint());
  return list;
}

function readEntry(reader: Reader, field: Field): [string, unknown] {
  let key = '';
  let value: unknown = field.type === 'string' ? '' : undefined;
  for (const { number, wireType } of reader.fields()) {
    if (number === 1) key = reader.bytes().toString();
    else value = readValue(reader, wireType, field);
  }
  return [key, value];
}

function readValue(reader: Reader, wireType: WireType, { type, message }: Field): unknown {
  switch (type) {
    case 'int':
      return reader.varint();
    case 'bool':
      return reader.varint() !== 0;
    case 'double':
      return reader.double();
    case 'string':
      return reader.bytes().toString();
    case 'bytes':
      return reader.bytes().toString('base64');
  }
  if (wireType !== WireType.bytes) throw new RangeError(`wire type ${wireType} for ${type}`);
  const inner = createReader(reader.bytes());
  if (message) return readMessage(inner, message);
  return type.startsWith('schema') ? readSchemas(inner, type) : readSpecial(inner, type);
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

/** What a schema says of items, further properties and dependencies: a schema, or something simpler. */
function readSchemas(reader: Reader, type: string): unknown {
  const message = messageNamed('apiextensions.JSONSchemaProps');
  const schemas: unknown[] = [];
  const texts: string[] = [];
  let allowed = false;
  let several = false;
  for (const { number, wireType } of reader.fields()) {
    if (type === 'schemaOrBool' && number === 1) allowed = reader.varint() !== 0;
    else if (wireType !== WireType.bytes || !message) reader.skip(wireType);
    else if (type === 'schemaOrStrings' && number === 2) texts.push(reader.bytes().toString());
    else {
      several = type === 'schemaOrArray' && number === 2;
      schemas.push(readMessage(createReader(reader.bytes()), message));
    }
  }
  if (several) return schemas;
  return schemas[0] ?? (type === 'schemaOrBool' ? allowed : texts);
}

/** The zero time has no fields at all and is `null` as JSON. */
function formatTime(seconds: number | undefined, nanoseconds: number, micro: boolean): string | null {
  if (seconds === undefined) return null;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(nanoseconds / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}
