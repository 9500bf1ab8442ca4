import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { kubeletPort, type ServerConfig } from './config.ts';

/**
 * Listens for the kubelet's API until `signal` fires. TLS and all that it serves are loaded with the first
 * connection: a node starts without them. Never rejects; a port that is taken is tried again.
 */
export async function startServer(config: ServerConfig, signal: AbortSignal): Promise<void> {
  let secure: Promise<Server> | undefined;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    secure ??= import('./serve.ts').then(({ createSecureServer }) => createSecureServer(config));
    secure.then(
      (https) => {
        https.emit('connection', socket);
        socket.resume();
      },
      (error: unknown) => {
        secure = undefined;
        config.onError("serving the kubelet's API", error);
        socket.destroy();
      },
    );
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  while (!signal.aborted) {
    try {
      await listen(server);
      return;
    } catch (error) {
      config.onError(`listening on port ${kubeletPort}`, error);
      await delay(1_000);
    }
  }
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: kubeletPort }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
