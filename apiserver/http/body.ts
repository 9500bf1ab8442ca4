import type { IncomingMessage } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import { statusError } from '../../api/status.ts';
import { bodyRead } from '../audit/kept-bodies.ts';
import type { CustomRules } from '../registry/strategy.ts';
import type { FieldValidation } from '../schema/decode.ts';
import { type ParsedBody, parseBody } from '../schema/parse.ts';
import { parseMediaType } from './negotiate.ts';

/** Upstream: `MaxRequestBodyBytes`. */
const largestBody = 3 * 1024 * 1024;

const protobuf = 'application/vnd.kubernetes.protobuf';

/** @throws StatusError RequestEntityTooLarge */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // By events: an iterator costs more than all else that a small body takes.
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largestBody) {
        chunks.push(chunk);
        return;
      }
      // What is left of it is read and dropped, so that the client gets to read the answer; not for ever.
      chunks.length = 0;
      reject(tooLarge());
      if (size > largestBody * 4) request.destroy();
    });
    request.once('end', () => {
      if (size > largestBody) return;
      const [only = Buffer.alloc(0)] = chunks;
      const body = chunks.length > 1 ? Buffer.concat(chunks) : only;
      bodyRead(request, body);
      resolve(body);
    });
    const cutOff = () => reject(statusError('BadRequest', 'unexpected EOF'));
    // After its end of no effect.
    request.once('error', cutOff).once('close', cutOff);
  });
}

const tooLarge = () =>
  statusError('RequestEntityTooLarge', `Request entity too large: limit is ${largestBody}`, {});

/** The value a body stands for, whichever of the three formats it has. */
async function readValue(request: IncomingMessage): Promise<ParsedBody> {
  const body = await readBody(request);
  const contentType = request.headers['content-type'] ?? '';
  if (parseMediaType(contentType).type === protobuf) {
    const { decodeProtobuf } = await import('../protobuf/decode.ts');
    return { value: decodeProtobuf(body), duplicates: [] };
  }
  return parseBody(body.toString('utf8'), contentType);
}

export interface ExpectedType {
  apiVersion: string;
  /** A second one that a body may have. */
  alsoTakes?: string;
  kind: string;
  /** Name of the type in `api/schema.json`. */
  type: string;
  /** Takes its place. */
  custom?: Pick<CustomRules, 'decode'> | undefined;
}

/**
 * Reads an object of one type from a request.
 * @throws StatusError BadRequest, UnsupportedMediaType in upstream's words
 */
export async function readObject(
  request: IncomingMessage,
  expected: ExpectedType,
  validation: FieldValidation,
  warn: (message: string) => void,
): Promise<KubeObject> {
  // Loaded with the first write: start-up does not wait for the schema.
  const [{ value, duplicates }, { decode }] = await Promise.all([
    readValue(request),
    import('../schema/decode.ts'),
  ]);
  checkType(value, expected);
  const { object, warnings } = expected.custom
    ? expected.custom.decode(value, validation, duplicates)
    : decode(expected.type, value, validation, duplicates);
  for (const warning of warnings) warn(warning);
  return object;
}

/** The optional DeleteOptions of a DELETE. */
export async function readOptionalBody(request: IncomingMessage): Promise<unknown> {
  const length = request.headers['content-length'];
  if (length === '0' || (length === undefined && !request.headers['transfer-encoding'])) return undefined;
  return (await readValue(request)).value;
}

/** A body may leave out `kind` and `apiVersion`: the path says what it is. */
function checkType(value: unknown, { apiVersion, alsoTakes, kind }: ExpectedType): void {
  if (typeof value !== 'object' || value === null) return;
  const given = value as { apiVersion?: unknown; kind?: unknown };
  if (given.apiVersion && given.apiVersion !== apiVersion && given.apiVersion !== alsoTakes) {
    throw statusError(
      'BadRequest',
      `the API version in the data (${String(given.apiVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (given.kind && given.kind !== kind) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    // Upstream's decoder finds another Go type than it wants.
    const group = apiVersion.includes('/') ? apiVersion.split(/[./]/)[0] : 'core';
    throw statusError(
      'BadRequest',
      `${String(given.kind)} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: converting (${version}.${String(given.kind)}) to (${group}.${kind}): unknown conversion`,
    );
  }
}
