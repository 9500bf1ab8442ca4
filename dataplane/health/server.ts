import type { RequestListener } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { close, json, listen, parseListenAddress, reply } from './listen.ts';
import type { ProbeAnswer, ProxyHealth } from './proxy.ts';

/** How long an address that is taken is left alone before the next attempt; upstream: five seconds. */
const retryAfter = 5_000;

/**
 * Serves on `address` (`ip:port`) until the signal fires. What keeps it from listening is told, and tried
 * again: another proxy on the node may just be ending. Resolves after the first attempt.
 */
export async function serve(
  address: string,
  onRequest: RequestListener,
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  const { host, port } = parseListenAddress(address);
  if (signal.aborted) return;
  try {
    const server = await listen(host, port, onRequest);
    if (signal.aborted) await close(server);
    else signal.addEventListener('abort', () => void close(server), { once: true });
  } catch (error) {
    onError(error);
    // An abort ends the wait, and the next attempt sees it.
    const wait = delay(retryAfter, undefined, { signal, ref: false }).catch(() => undefined);
    void wait.then(() => serve(address, onRequest, { signal, onError }));
  }
}

/** `/healthz` and `/livez` of the proxy. `probed` is told of every answer. */
export function healthHandler(
  health: ProxyHealth,
  probed: (path: 'healthz' | 'livez', code: number) => void,
): RequestListener {
  return ({ url = '/' }, response) => {
    const [path = ''] = url.split('?');
    const answer = (name: 'healthz' | 'livez', { code, body }: ProbeAnswer) => {
      probed(name, code);
      reply(response, code, body, json);
    };
    if (path === '/healthz') answer('healthz', health.healthz());
    else if (path === '/livez') answer('livez', health.livez());
    else reply(response, 404, '404 page not found\n');
  };
}
