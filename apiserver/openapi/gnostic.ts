import { encode, type Fields, flag, message, text, texts } from './protobuf.ts';

type Json = Record<string, unknown>;

/**
 * Encodes a Swagger document as protobuf, in the messages of gnostic's `openapiv2/OpenAPIv2.proto`, which
 * kubectl up to 1.27 asks for. Only what the documents of this room contain is written; descriptions of
 * responses are left out. Numbers are those of the fields in that file.
 */
export function encodeDocument(document: unknown): Uint8Array {
  const { swagger, info, paths, definitions } = record(document);
  const { title, version } = record(info);
  return encode(
    text(1, swagger),
    message(2, text(1, title), text(2, version)),
    message(8, named(2, paths, pathItem)),
    message(9, named(1, definitions, schema)),
  );
}

/** A map, as gnostic has it: a list of messages with a name and a value. */
function named(field: number, map: unknown, encodeValue: (value: Json) => Fields[]): Fields {
  return Object.entries(record(map)).flatMap(([name, value]) =>
    message(field, text(1, name), message(2, ...encodeValue(record(value)))),
  );
}

const methods: readonly (readonly [string, number])[] = [
  ['get', 2],
  ['put', 3],
  ['post', 4],
  ['delete', 5],
  ['patch', 8],
];

function pathItem(item: Json): Fields[] {
  return [
    ...methods.map(([name, field]) => (item[name] ? message(field, ...operation(record(item[name]))) : [])),
    list(item.parameters).flatMap((one) => parameter(9, record(one))),
  ];
}

function operation({ description, operationId, consumes, parameters, ...rest }: Json): Fields[] {
  return [
    text(3, description),
    text(5, operationId),
    texts(7, consumes),
    list(parameters).flatMap((one) => parameter(8, record(one))),
    message(9),
    extensions(13, rest),
  ];
}

/** ParametersItem → Parameter → BodyParameter, or NonBodyParameter → the schema of where it stands. */
function parameter(
  field: number,
  { name, in: place, required, type, uniqueItems, schema: body }: Json,
): Fields {
  if (place === 'body') {
    const value = message(
      1,
      text(2, name),
      text(3, place),
      flag(4, required),
      message(5, ...schema(record(body))),
    );
    return message(field, message(1, value));
  }
  const isPath = place === 'path';
  const value = message(
    isPath ? 4 : 3,
    flag(1, required),
    text(2, place),
    text(4, name),
    text(isPath ? 5 : 6, type),
    flag(isPath ? 19 : 20, uniqueItems),
  );
  return message(field, message(1, message(2, value)));
}

function schema(value: Json): Fields[] {
  const { $ref, format, description, required, additionalProperties, type, items, properties, ...rest } =
    value;
  return [
    text(1, $ref),
    text(2, format),
    text(4, description),
    texts(19, required),
    additionalProperties ? message(21, message(1, ...schema(record(additionalProperties)))) : [],
    type ? message(22, text(1, type)) : [],
    items ? message(23, message(1, ...schema(record(items)))) : [],
    properties ? message(25, named(1, properties, schema)) : [],
    extensions(31, rest),
  ];
}

/** NamedAny → Any; the value is YAML, of which JSON is a part. */
function extensions(field: number, values: Json): Fields {
  return Object.entries(values)
    .filter(([name]) => name.startsWith('x-'))
    .flatMap(([name, value]) => message(field, text(1, name), message(2, text(2, JSON.stringify(value)))));
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
