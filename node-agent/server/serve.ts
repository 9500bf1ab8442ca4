import { createServer, type Server } from 'node:https';
import type { ServerConfig } from './config.ts';
import { createRoutes } from './routes.ts';

/** Takes connections that somebody else has accepted, and serves the kubelet's API on them. */
export function createSecureServer(config: ServerConfig): Server {
  const { clientCa, certificate = () => config.tls } = config.tls;
  let { cert, key } = certificate();
  const routes = createRoutes(config);
  const server = createServer(
    {
      cert,
      key,
      ca: clientCa,
      requestCert: true,
      // Who has no certificate may have a token.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      requestTimeout: 0,
      noDelay: true,
    },
    (request, response) => void routes.serve(request, response),
  );
  // Before the server's own listener, which begins TLS.
  server.prependListener('connection', () => {
    const now = certificate();
    if (now.cert === cert) return;
    ({ cert, key } = now);
    server.setSecureContext({ cert, key, ca: clientCa, minVersion: 'TLSv1.2' });
  });
  server.on('upgrade', (request, socket, head) => {
    // Its `close` follows.
    socket.on('error', () => undefined);
    void routes.upgrade({ request, socket, head });
  });
  return server;
}
