import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { parseMediaType } from '../http/negotiate.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { parseYaml } from '../schema/parse-yaml.ts';
import { bodyOf, keepBody } from './kept-bodies.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';

/** Has the body of a request kept when it is read; gives it parsed, as far as it was read and is something. */
export function requestObject(request: IncomingMessage): () => unknown {
  keepBody(request);
  return () => {
    const body = bodyOf(request);
    return body?.length ? parsed(body, request.headers['content-type'] ?? '') : undefined;
  };
}

/**
 * Listens to what is written to a response: all of it, or of failures alone. Gives it when the response is closed.
 * @param begun called when the first of it is sent
 */
export function captureAnswer(
  response: ServerResponse,
  { whole, begun }: { whole: boolean; begun(): void },
): () => Buffer | undefined {
  const chunks: Buffer[] = [];
  let started = false;
  const start = () => {
    if (started) return;
    started = true;
    begun();
  };
  const listen = (chunk: unknown) => {
    start();
    const wanted = whole || response.statusCode >= 400;
    if (wanted && (Buffer.isBuffer(chunk) || typeof chunk === 'string')) chunks.push(Buffer.from(chunk));
  };
  const { write, end, flushHeaders } = response;
  response.write = ((...given: Parameters<typeof write>) => {
    listen(given[0]);
    return write.apply(response, given);
  }) as typeof write;
  response.end = ((...given: Parameters<typeof end>) => {
    listen(given[0]);
    return end.apply(response, given);
  }) as typeof end;
  response.flushHeaders = () => {
    flushHeaders.call(response);
    start();
  };
  return () => (chunks.length > 0 ? Buffer.concat(chunks) : undefined);
}

/** What was answered, where it is an object. */
export function answerObject(response: ServerResponse, body: Buffer | undefined): unknown {
  if (!body?.length) return undefined;
  const type = String(response.getHeader('Content-Type') ?? '');
  if (!/json|yaml|protobuf/.test(type)) return undefined;
  const plain = response.getHeader('Content-Encoding') === 'gzip' ? gunzipSync(body) : body;
  return parsed(plain, type);
}

function parsed(body: Buffer, contentType: string): unknown {
  try {
    if (parseMediaType(contentType).type === protobuf) return decodeProtobuf(body);
    const text = body.toString('utf8');
    return contentType.includes('yaml') ? parseYaml(text).value : JSON.parse(text);
  } catch {
    // What a client sent need not be anything: it was refused, and the log says how.
    return undefined;
  }
}
