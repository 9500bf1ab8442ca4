import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Answers `/healthz` in the clear, as the kubelet does on `healthzPort`, until `signal` fires. A port that is taken is
 * tried again.
 */
export async function serveHealth(
  { host, port }: { host: string; port: number },
  { signal, onError }: { signal: AbortSignal; onError(error: unknown): void },
): Promise<void> {
  while (!signal.aborted) {
    const failed = await new Promise<unknown>((resolve) => {
      const server = createServer(({ url = '' }, response) => {
        const isHealth = url.split('?')[0] === '/healthz';
        response.writeHead(isHealth ? 200 : 404, { 'content-type': 'text/plain; charset=utf-8' });
        response.end(isHealth ? 'ok' : '404 page not found\n');
      });
      server.once('error', resolve);
      server.listen({ host, port });
      signal.addEventListener('abort', () => server.close(() => resolve(undefined)), { once: true });
    });
    if (failed === undefined) return;
    onError(failed);
    await delay(1_000, undefined, { signal }).catch(() => undefined);
  }
}
