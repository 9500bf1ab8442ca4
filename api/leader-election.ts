import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.ts';
import { resources } from './scheme.ts';
import { hasReason } from './status.ts';
import type { Lease } from './types.ts';

export interface ElectionOptions {
  client: Client;
  /** Of the Lease, in `kube-system`: `kube-controller-manager`. */
  name: string;
  /** Who this is. One that comes back under its name leads on at once. */
  identity: string;
  onError(error: unknown): void;
  /** Default: kube-controller-manager's. */
  times?: typeof upstreamTimes;
}

/** Milliseconds. Upstream: `--leader-elect-lease-duration`, `-renew-deadline`, `-retry-period`. */
const upstreamTimes = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

const namespace = 'kube-system';

/**
 * Calls `lead` whenever this candidate is the leader, with a signal that fires when it is no more. A candidate
 * that ends, when `signal` fires, leaves its lease to run out, as upstream's components do. Clocks need not agree: what counts is when a change of the lease was seen.
 * Upstream: client-go `tools/leaderelection`.
 */
export async function runElected(
  { client, name, identity, onError, times = upstreamTimes }: ElectionOptions,
  lead: (signal: AbortSignal) => void,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { leaseDuration, renewDeadline, retryPeriod } = times;
  /** The lease as last seen, and when that changed. */
  let seen = '';
  let seenAt = 0;

  async function current(): Promise<Lease | undefined> {
    try {
      const lease = await client.get(resources.leases, { name, namespace });
      const state = JSON.stringify(lease.spec);
      if (state !== seen) seenAt = performance.now();
      seen = state;
      return lease;
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      return undefined;
    }
  }

  /** Takes or keeps the lease; false while somebody else holds it. */
  async function acquire(): Promise<boolean> {
    const lease = await current();
    const now = new Date().toISOString().replace('Z', '000Z');
    const { holderIdentity = '', leaseTransitions = 0, acquireTime = now } = lease?.spec ?? {};
    const mine = holderIdentity === identity;
    if (holderIdentity && !mine && performance.now() < seenAt + leaseDuration) return false;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDuration / 1_000),
      acquireTime: mine ? acquireTime : now,
      renewTime: now,
      leaseTransitions: leaseTransitions + (lease && !mine ? 1 : 0),
    };
    try {
      if (lease) await client.update(resources.leases, { ...lease, spec });
      else await client.create(resources.leases, { metadata: { name, namespace }, spec });
      return true;
    } catch (error) {
      // Another candidate was faster.
      if (hasReason(error, 'Conflict') || hasReason(error, 'AlreadyExists')) return false;
      throw error;
    }
  }

  const attempt = () =>
    acquire().catch((error: unknown) => {
      if (!signal.aborted) onError(error);
      return false;
    });
  const pause = () => delay(retryPeriod, undefined, { signal, ref: true }).catch(() => undefined);

  async function term(): Promise<void> {
    const leading = new AbortController();
    const end = () => leading.abort();
    signal.addEventListener('abort', end, { once: true });
    let renewed = performance.now();
    lead(leading.signal);
    while (!signal.aborted && performance.now() < renewed + renewDeadline) {
      await pause();
      if (await attempt()) renewed = performance.now();
      else if (!seen.includes(JSON.stringify(identity))) break;
    }
    signal.removeEventListener('abort', end);
    leading.abort();
  }

  while (!signal.aborted) {
    if (await attempt()) await term();
    else await pause();
  }
}
