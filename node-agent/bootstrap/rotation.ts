import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../api/client.ts';
import { type NodeRequest, requestCertificate } from './request.ts';
import type { Pair, PairStore } from './store.ts';

export interface RotationOptions {
  /** Asks for the certificates; for a client's own it is that very client. */
  client: Client;
  store: PairStore;
  /** What is asked for each time, with a new key. */
  request: Omit<NodeRequest, 'key' | 'repeatable'>;
  /** The new pair is in the store already. */
  onRotated(pair: Pair): void;
  /** Told of each failure; it is tried again. */
  onError(error: unknown): void;
}

/** No timer of Node.js is longer. */
const longestWait = 2 ** 31 - 1;
/** Milliseconds after failures in a row; upstream's back-off, and its interval when that has ended. */
const pauses = [2_000, 4_000, 8_000, 16_000, 32_000];

/**
 * Renews a certificate of a node when 70 to 90 % of its life have passed, or at once where there is none, until
 * `signal` fires. Upstream: client-go `util/certificate/certificate_manager.go`.
 */
export async function rotate(options: RotationOptions, { signal }: { signal: AbortSignal }): Promise<void> {
  const { client, store, request, onRotated, onError } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await until(rotationTime(store.current()), signal);
      const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const cert = await requestCertificate(client, { ...request, key }, { signal });
      onRotated(store.put(cert, key.export({ type: 'sec1', format: 'pem' }).toString()));
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      const pause = pauses[Math.min(failures, pauses.length - 1)] ?? 0;
      failures += 1;
      await delay(pause * (1 + Math.random() / 10), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

/** When (ms since the epoch) to renew; `random` of [0, 1) spreads nodes that came together. */
export function rotationTime(
  pair: Pick<Pair, 'notBefore' | 'notAfter'> | undefined,
  random = Math.random(),
): number {
  if (!pair) return 0;
  return pair.notBefore + (pair.notAfter - pair.notBefore) * (0.7 + 0.2 * random);
}

/** Rejects when `signal` fires. */
async function until(time: number, signal: AbortSignal): Promise<void> {
  for (let left = time - Date.now(); left > 0; left = time - Date.now()) {
    await delay(Math.min(left, longestWait), undefined, { signal, ref: false });
  }
}
