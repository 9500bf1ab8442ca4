import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { CoreEvent } from '../../api/types.ts';
import { loopback } from '../auth/user.ts';
import type { Cache } from '../storage/cache.ts';
import type { Registry, Request } from './registry.ts';

/** Upstream: `--event-ttl`. */
const eventLifeMilliseconds = 3_600_000;
const everyMilliseconds = 60_000;

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };

/** Removes events an hour after they last happened, until `signal` fires. */
export function expireEvents(
  registry: Registry,
  cache: Cache,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): void {
  const sweep = async () => {
    const old = [...cache.lookup.list(resources.events)].filter((event) => isExpired(event, Date.now()));
    await Promise.all(old.map((event) => remove(registry, event)));
  };
  const timer = setInterval(() => void sweep().catch(onError), everyMilliseconds);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

async function remove(registry: Registry, { metadata }: KubeObject): Promise<void> {
  const { name = '', namespace = '', resourceVersion = '' } = metadata ?? {};
  try {
    // Not when it happened again in this moment.
    await registry.delete(
      resources.events,
      { name, namespace },
      { preconditions: { resourceVersion } },
      request,
    );
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
  }
}

/** `now` in milliseconds since the epoch. */
export function isExpired({ metadata, lastTimestamp, eventTime, series }: CoreEvent, now: number): boolean {
  const times = [metadata.creationTimestamp, lastTimestamp, eventTime, series?.lastObservedTime]
    .map((time) => Date.parse(time ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length > 0 && Math.max(...times) + eventLifeMilliseconds < now;
}
