import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { joinHostPort } from '../../api/address.ts';

/** A server behind this one: a kubelet, a pod, an endpoint of a Service. */
export interface Backend {
  scheme: 'http' | 'https';
  host: string;
  port: number;
  /** For kubelets, with the apiserver's certificate; without, a server's certificate is taken as it is. */
  agent?: Agent;
  /** Under which name its certificate must be, where that is not its host. */
  servername?: string;
}

export const urlOf = ({ scheme, host, port }: Backend, path: string) =>
  `${scheme}://${joinHostPort(host, port)}${path}`;

/** What goes to a backend. */
export interface BackendRequest {
  method: string;
  path: string;
  headers: NodeJS.Dict<string | string[]>;
}

/** Milliseconds for a connection to come about: a node that is cut off says nothing. Upstream: `net.Dialer`. */
const dialTimeout = 30_000;

/** Begins a request; whoever gets it sends the body, if any, and ends it. */
export function requestBackend(backend: Backend, { method, path, headers }: BackendRequest): ClientRequest {
  const start = backend.scheme === 'https' ? httpsRequest : httpRequest;
  const outgoing = start({
    host: backend.host,
    port: backend.port,
    method,
    path,
    headers,
    agent: backend.agent ?? false,
    // Who is behind it, not whom the client's `Host` header names.
    servername: backend.servername ?? (isIP(backend.host) ? '' : backend.host),
    // What a pod shows need not be signed by anybody. Upstream: `proxyTransport`, InsecureSkipVerify.
    ...(backend.agent ? {} : { rejectUnauthorized: false }),
  });
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timedOut = Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => outgoing.destroy(timedOut), dialTimeout);
    for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer));
  });
  return outgoing;
}

/** Its answer, whatever the status. Rejects with a {@link BackendError}. */
export function answerOf(outgoing: ClientRequest, backend: Backend): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', (error) => reject(new BackendError(backend, error)));
  });
}

/** A backend that cannot be reached, in Go's words, which users know. */
export class BackendError extends Error {
  override name = 'BackendError';

  constructor(backend: Backend, error: NodeJS.ErrnoException) {
    const why = words[error.code ?? ''];
    const address = joinHostPort(backend.host, backend.port);
    super(why ? `dial tcp ${address}: ${why}` : `dial tcp ${address}: ${error.message}`, { cause: error });
  }
}

const words: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  ECONNRESET: 'read: connection reset by peer',
};
