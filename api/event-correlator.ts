/** What makes Events alike: whom they are about and who tells, in words of no meaning here. */
export interface Happening {
  /** Object and source together. */
  about: string;
  type: string;
  reason: string;
  message: string;
}

/** An Event as it is to be written. */
export interface Correlated {
  /** Events of the same key are one, with a growing count. */
  key: string;
  message: string;
}

/** Decides what is written of Events that come in numbers. */
export type Correlator = (happening: Happening) => Correlated | undefined;

/** Upstream's defaults: `maxLruCacheEntries`, `defaultAggregateMaxEvents` and so on; times in milliseconds. */
const remembered = 4096;
const alike = 10;
const alikeWithin = 600_000;
const burst = 25;
const refill = 300_000;

/**
 * From the tenth Event on that differs from others in nothing but its message they become one; after 25 about one object,
 * there is one in five minutes, and the rest is lost (undefined). Upstream: client-go `tools/record/events_cache.go`,
 * EventCorrelate, EventAggregator, EventSourceObjectSpamFilter.
 */
export function createCorrelator(now: () => number = Date.now): Correlator {
  const groups = new Map<string, { messages: Set<string>; last: number }>();
  const buckets = new Map<string, { left: number; at: number }>();

  function isTooMuch(about: string, at: number): boolean {
    const before = buckets.get(about) ?? { left: burst, at };
    const left = Math.min(burst, before.left + (at - before.at) / refill);
    renew(buckets, about, { left: left < 1 ? left : left - 1, at });
    return left < 1;
  }

  return ({ about, type, reason, message }) => {
    const at = now();
    const group = JSON.stringify([about, type, reason]);
    const before = groups.get(group);
    const messages = before && at - before.last <= alikeWithin ? before.messages : new Set<string>();
    messages.add(message);
    renew(groups, group, { messages, last: at });
    const isOneOfMany = messages.size >= alike;
    if (isOneOfMany) messages.delete([...messages][0] ?? '');
    if (isTooMuch(about, at)) return undefined;
    return isOneOfMany
      ? { key: group, message: `(combined from similar events): ${message}` }
      : { key: JSON.stringify([about, type, reason, message]), message };
  };
}

/** Writes an entry as the newest; the oldest goes when there are too many. */
function renew<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > remembered && oldest !== undefined) map.delete(oldest);
}
