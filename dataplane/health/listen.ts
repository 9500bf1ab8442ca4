import {
  createServer,
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';

/** An `ip:port` that nothing can listen on. */
export class ListenAddressError extends Error {
  constructor(text: string) {
    super(`${JSON.stringify(text)} is not an address to listen on (as in 0.0.0.0:10256 or [::]:10256)`);
    this.name = 'ListenAddressError';
  }
}

/** Splits `ip:port`; the IPv6 address stands in brackets. Throws {@link ListenAddressError}. */
export function parseListenAddress(text: string): { host: string; port: number } {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const [host, port] = [six ?? four, Number(digits)];
  if (host === undefined || port > 65_535) throw new ListenAddressError(text);
  return { host, port };
}

/**
 * An HTTP server on one address of this process's network namespace, listening. The unspecified address of
 * either family means both, as in Go. It keeps no process alive.
 */
export function listen(host: string, port: number, onRequest: RequestListener): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 1_000 }, onRequest);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '0.0.0.0' || host === '::' ? {} : { host }) }, () => {
      server.off('error', reject);
      server.unref();
      resolve(server);
    });
  });
}

/** Why nothing can listen on a port, in the words of Go: `listen tcp :32100: bind: address already in use`. */
export function listenFailure(error: unknown, protocol: 'tcp' | 'udp', port: number): string {
  const { code = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const said = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return `listen ${protocol} :${port}: ${said}`;
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  EACCES: 'bind: permission denied',
};

/** A whole answer at once. Browsers are told not to guess its type, as upstream does. */
export function reply(
  response: ServerResponse,
  code: number,
  body: string,
  headers: OutgoingHttpHeaders = plainText,
): void {
  const length = Buffer.byteLength(body);
  response
    .writeHead(code, { 'content-length': length, 'x-content-type-options': 'nosniff', ...headers })
    .end(body);
}

export const plainText = { 'content-type': 'text/plain; charset=utf-8' } as const;
export const json = { 'content-type': 'application/json' } as const;

/** Stops listening and ends what is connected. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Only a server that never listened has an error to tell here.
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
