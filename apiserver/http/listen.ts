import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { joinHostPort } from '../../api/address.ts';
import { serveUpgrades } from './upgrade.ts';

/** An inherited listening socket, an address, or the path of a Unix socket (plain HTTP, trusted). */
export type Listen = { fd: number } | { host: string; port: number } | { path: string };

export interface Tls {
  /** PEM. */
  cert: string;
  key: string;
  /** PEM; the authority of client certificates. */
  clientCa: string;
}

/** Opens one listener. @throws Error that names the address, when it is taken or not ours */
export async function listen(
  at: Listen,
  tls: Tls,
  handlers: { secure: RequestListener; trusted: RequestListener },
): Promise<Server> {
  const path = 'path' in at ? at.path : undefined;
  const server = path
    ? createHttpServer(settings, handlers.trusted)
    : createHttpsServer(
        {
          ...settings,
          cert: tls.cert,
          key: tls.key,
          ca: tls.clientCa,
          requestCert: true,
          // The authenticator decides: tokens and the anonymous user come without a certificate.
          rejectUnauthorized: false,
          minVersion: 'TLSv1.2',
          ALPNProtocols: ['http/1.1'],
        },
        handlers.secure,
      );
  serveUpgrades(server, path ? handlers.trusted : handlers.secure);
  if (path) removeStale(path);
  // A socket is born with the mode that umask leaves; nobody else may connect even for a moment.
  const umask = path ? process.umask(0o177) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const listening = () => {
        server.off('error', reject);
        resolve();
      };
      if ('fd' in at) server.listen({ fd: at.fd }, listening);
      // All addresses are those of both families, as upstream listens; without a host nothing is looked up.
      else if ('host' in at && at.host === '0.0.0.0') server.listen({ port: at.port }, listening);
      else server.listen(at, listening);
    });
    if (path) chmodSync(path, 0o600);
  } catch (error) {
    throw new Error(
      `cannot listen on ${describe(at)}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
  return server;
}

/** Watches stay open without a request for long: no time limit but for headers. */
const settings = { keepAliveTimeout: 120_000, requestTimeout: 0, headersTimeout: 60_000, noDelay: true };

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`cannot listen on ${path}: a file that is no socket is there`);
  rmSync(path);
}

export function describe(at: Listen): string {
  if ('fd' in at) return `the inherited socket ${at.fd}`;
  if ('path' in at) return at.path;
  return joinHostPort(at.host, at.port);
}

/** Where a server listens: `127.0.0.1:6443`, or a path. */
export function addressOf(server: Server): string {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') return address ?? '';
  return describe({ host: address.address, port: address.port });
}
