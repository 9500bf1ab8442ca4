import { type Field, type Message, messageNamed } from './messages.ts';
import { createWriter } from './writer.ts';

type Values = Readonly<Record<string, unknown>>;

const writer = createWriter();

/**
 * The bytes of an object as Go's generated code writes them: fields in order of number, keys of maps sorted, fields
 * that are no pointers even when they are empty. What `message` has no field for is left out.
 *
 * @param object as in JSON
 */
export function encodeMessage(message: Message, object: object): Buffer {
  const start = writer.mark();
  try {
    writeMessage(message, object as Values);
    return writer.take(start);
  } catch (error) {
    writer.take(start);
    throw error;
  }
}

const orders = new WeakMap<Message, readonly Field[]>();

/** From the last field to the first. */
function orderOf(message: Message): readonly Field[] {
  let order = orders.get(message);
  if (!order) {
    order = [...message.fields.values()].sort((a, b) => b.number - a.number);
    orders.set(message, order);
  }
  return order;
}

function writeMessage(message: Message, object: Values): void {
  for (const field of orderOf(message)) {
    if (field.shape === 'inline') {
      writeNested(field, object);
      continue;
    }
    const value = object[field.name];
    if (value === undefined || value === null) {
      if (!field.pointer && field.shape === 'one') writeEmpty(field);
    } else if (field.shape === 'list') {
      const list = value as readonly unknown[];
      for (let i = list.length - 1; i >= 0; i--) writeValue(field, field.number, list[i]);
    } else if (field.shape === 'map') {
      writeMap(field, value as Values);
    } else {
      writeValue(field, field.number, value);
    }
  }
}

function writeMap(field: Field, map: Values): void {
  // Go sorts by bytes. The keys of Kubernetes' maps are ASCII but for data of users.
  const keys = Object.keys(map).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const key of keys.reverse()) {
    const mark = writer.mark();
    writeValue(field, 2, map[key]);
    writer.string(1, key);
    writer.close(field.number, mark);
  }
}

function writeNested({ message, number }: Field, value: Values): void {
  const mark = writer.mark();
  if (message) writeMessage(message, value);
  writer.close(number, mark);
}

/** Fields that are no pointers are always there. Lists of bytes are none either, but may be nil. */
function writeEmpty(field: Field): void {
  const { type, number, message } = field;
  if (message) writeNested(field, {});
  else if (type === 'string') writer.string(number, '');
  else if (type === 'int' || type === 'bool') writer.int(number, 0);
  else if (type === 'double') writer.double(number, 0);
  else if (type === 'quantity') nested(number, () => writer.string(1, '0'));
  else if (type !== 'bytes') nested(number, () => (type === 'intOrString' ? writeIntOrString(0) : undefined));
}

function writeValue(field: Field, number: number, value: unknown): void {
  const { type, message } = field;
  if (message) {
    const mark = writer.mark();
    writeMessage(message, (value ?? {}) as Values);
    writer.close(number, mark);
    return;
  }
  if (type === 'string') writer.string(number, String(value ?? ''));
  else if (type === 'int' || type === 'bool') writer.int(number, Number(value));
  else if (type === 'double') writer.double(number, Number(value));
  else if (type === 'bytes') writer.bytes(number, Buffer.from(String(value ?? ''), 'base64'));
  else nested(number, () => writeSpecial(type, value));
}

function nested(number: number, write: () => void): void {
  const mark = writer.mark();
  write();
  writer.close(number, mark);
}

/** Messages whose JSON is not an object with their fields; the other way round: `decode.ts`. */
function writeSpecial(type: string, value: unknown): void {
  switch (type) {
    case 'quantity':
      writer.string(1, String(value));
      break;
    case 'intOrString':
      writeIntOrString(value);
      break;
    case 'strings':
      for (const text of (value as readonly string[]).toReversed()) writer.string(1, text);
      break;
    case 'time':
    case 'microTime':
      if (value !== null) writeTime(String(value), type === 'microTime');
      break;
    case 'raw':
      writer.string(1, JSON.stringify(value));
      break;
    case 'schemaOrArray':
    case 'schemaOrStrings':
      if (!Array.isArray(value)) writeSchema(1, value);
      else for (const one of value.toReversed()) writeSchemaOrText(one);
      break;
    case 'schemaOrBool':
      if (typeof value === 'object') writeSchema(2, value);
      writer.int(1, value === false ? 0 : 1);
      break;
    default:
      throw new TypeError(`no protobuf is known for the type ${type}`);
  }
}

function writeSchemaOrText(one: unknown): void {
  if (typeof one === 'string') writer.string(2, one);
  else writeSchema(2, one);
}

function writeIntOrString(value: unknown): void {
  const text = typeof value === 'string';
  writer.string(3, text ? value : '');
  writer.int(2, text ? 0 : Number(value));
  writer.int(1, text ? 1 : 0);
}

/** Nanoseconds are of microTime alone: upstream drops them from others, as JSON does. */
function writeTime(text: string, micro: boolean): void {
  const seconds = Math.floor(Date.parse(text) / 1000);
  if (Number.isNaN(seconds)) throw new TypeError(`${JSON.stringify(text)} is no time`);
  const fraction = micro ? (/\.(\d{1,9})/.exec(text)?.[1] ?? '') : '';
  writer.int(2, Number(fraction.padEnd(9, '0')));
  writer.int(1, seconds);
}

function writeSchema(number: number, schema: unknown): void {
  const message = messageNamed('apiextensions.JSONSchemaProps');
  nested(number, () => message && writeMessage(message, schema as Values));
}
