import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds. */
const pause = 15;

/**
 * Resolves when something listens at this TCP address, or after `patience` milliseconds, when it is better to
 * meet the error itself. Cheaper than many components that try in vain to speak TLS. Never rejects.
 */
export async function serverListens(
  { host, port }: { host: string; port: number },
  { signal, patience = 10_000 }: { signal: AbortSignal; patience?: number },
): Promise<void> {
  const deadline = performance.now() + patience;
  while (!signal.aborted && performance.now() < deadline) {
    if (await accepts(host, port)) return;
    await delay(pause);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
