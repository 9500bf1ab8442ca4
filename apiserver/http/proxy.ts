import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type StatusReason, statusError } from '../../api/status.ts';
import { answerOf, type Backend, BackendError, requestBackend } from './backend.ts';
import { rewriteHtml, rewriteUrl } from './proxy-links.ts';
import { takeUpgrade, wantsUpgrade } from './upgrade.ts';

export interface ProxyOptions {
  /** What the path had before that of the backend: links of its pages are led through here again. */
  prefix?: string;
}

/** Of one connection only; RFC 9110 section 7.6.1. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Passes a request on and the answer back; an upgraded connection as bytes, both ways. Who asked is not told to
 * the backend. Upstream: `apimachinery/pkg/util/proxy/upgradeaware.go`.
 *
 * @throws StatusError when the backend cannot be reached
 */
export async function proxyRequest(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  backend: Backend,
  path: string,
  options: ProxyOptions = {},
): Promise<void> {
  const upgrading = wantsUpgrade(request);
  const { connection, upgrade } = request.headers;
  const outgoing = requestBackend(backend, {
    method: request.method ?? 'GET',
    path,
    headers: {
      ...forwardedHeaders(request, options),
      ...(upgrading ? { connection, upgrade } : {}),
    },
  });
  response.once('close', () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  if (upgrading) outgoing.end();
  else pipeline(request, outgoing).catch(() => outgoing.destroy());

  const upgraded = new Promise<undefined>((resolve) => {
    outgoing.once('upgrade', (answer, socket, head) => {
      const client = takeUpgrade(request, response);
      client.socket.write(headOf(answer));
      join(client, { socket, head });
      resolve(undefined);
    });
  });
  const answer = await Promise.race([answerOf(outgoing, backend), upgraded]).catch((error: unknown) => {
    throw error instanceof BackendError ? unreachable(error, backend) : error;
  });
  if (answer) await sendAnswer(request, response, answer, backend, options);
}

/** Kubelets and others fail in different words. */
function unreachable({ message }: BackendError, { agent, servername }: Backend): Error {
  const isKubelet = agent && servername === undefined;
  const [reason, what]: [StatusReason, string] = isKubelet
    ? ['InternalError', 'error dialing backend']
    : ['ServiceUnavailable', 'error trying to reach service'];
  return statusError(reason, `${what}: ${message}`, {});
}

function forwardedHeaders(
  request: IncomingMessage,
  { prefix }: ProxyOptions,
): NodeJS.Dict<string | string[]> {
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !hopByHop.has(name) && name !== 'authorization'),
  );
  const { remoteAddress } = request.socket;
  const before = request.headers['x-forwarded-for'];
  const chain = [before, remoteAddress?.replace(/^::ffff:/, '')].flat().filter(Boolean).join(', ');
  return {
    ...headers,
    ...(chain ? { 'x-forwarded-for': chain } : {}),
    ...(prefix === undefined
      ? {}
      : {
          'x-forwarded-uri': request.url,
          'x-forwarded-host': request.headers.host,
          'x-forwarded-proto': 'https',
        }),
  };
}

async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: IncomingMessage,
  backend: Backend,
  { prefix }: ProxyOptions,
): Promise<void> {
  response.statusCode = answer.statusCode ?? 502;
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !hopByHop.has(name)) response.setHeader(name, value);
  }
  const page = {
    prefix: prefix ?? '',
    hosts: [`${backend.host}:${backend.port}`, request.headers.host ?? ''],
  };
  const { location } = answer.headers;
  const isHtml = /^text\/html\b/.test(answer.headers['content-type'] ?? '');
  if (prefix !== undefined && location) response.setHeader('Location', rewriteUrl(location, page));
  if (prefix === undefined || location || !isHtml || answer.headers['content-encoding']) {
    response.flushHeaders();
    // Whoever goes away breaks the pipe, and that is no failure.
    await pipeline(answer, response).catch((error: unknown) => {
      if (!response.destroyed) throw error;
    });
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const body = Buffer.from(rewriteHtml(Buffer.concat(chunks).toString('utf8'), page));
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

/** The head of an answer as it came. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface Side {
  socket: Socket;
  head: Buffer;
}

/** Makes two connections one, until either ends. */
function join(client: Side, server: Side): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.socket.setTimeout(0);
    from.socket.setNoDelay(true);
    // Its `close` follows.
    from.socket.on('error', () => undefined);
    if (from.head.length > 0) to.socket.write(from.head);
    from.socket.pipe(to.socket);
    from.socket.once('close', () => to.socket.destroySoon());
  }
}
