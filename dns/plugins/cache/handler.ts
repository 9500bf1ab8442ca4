import { setTimeout as delay } from 'node:timers/promises';
import { type Handler, whenReplied } from '../../plugin.ts';
import { type Query, Rcode, type Reply } from '../../wire/message.ts';
import { isSubdomain } from '../../wire/names.ts';
import type { CacheOptions, ServeStale } from './options.ts';
import { answersQuestion, type Entry, replyFrom, type Store } from './store.ts';

/** Is told what happens, for the metrics. */
export interface Observer {
  asked(entry: Entry | undefined): void;
  servedStale(): void;
  refreshed(): void;
  stored(): void;
}

const nobody: Observer = { asked() {}, servedStale() {}, refreshed() {}, stored() {} };

/** Upstream: plugin/cache/handler.go. `now` gives milliseconds; `lasting` marks replies for as long as their TTL stays. */
export function createHandler(
  options: CacheOptions,
  store: Store,
  next: Handler,
  now: () => number,
  observer: Observer = nobody,
  lasting?: (reply: Reply, entry: Entry, isCurrent: () => boolean) => Reply,
): Handler {
  const put = (query: Query, reply: Reply): Reply => {
    const kept = store.put(query, reply);
    observer.stored();
    return kept;
  };
  const fetch: Handler = (query) => whenReplied(next(query), (reply) => put(query, reply));

  /** Asks for a new reply unless that is under way, or has just failed; resolves with one that can be used. */
  async function renew(query: Query, entry: Entry, recheck: number): Promise<Reply | undefined> {
    if (entry.refreshing || now() < entry.notBefore) return undefined;
    entry.refreshing = true;
    try {
      const reply = await next(query);
      if (isUsable(query, reply, options.preferPositive && entry.kind === 'success'))
        return put(query, reply);
    } catch {
      // Whoever waits gets the old reply; who comes when that is gone will see the failure.
    } finally {
      entry.refreshing = false;
    }
    entry.notBefore = now() + recheck;
    return undefined;
  }

  function inBackground(query: Query, entry: Entry, recheck: number): void {
    if (entry.refreshing || now() < entry.notBefore) return;
    observer.refreshed();
    queueMicrotask(() => void renew(query, entry, recheck));
  }

  function stale(query: Query, entry: Entry, { ttl }: ServeStale): Reply {
    observer.servedStale();
    return replyFrom(entry, query, ttl);
  }

  async function verified(query: Query, entry: Entry, serveStale: ServeStale): Promise<Reply> {
    const { verifyTimeout, recheck } = serveStale;
    const end = new AbortController();
    const renewed = renew(query, entry, recheck);
    const patience = delay(verifyTimeout, undefined, { signal: end.signal, ref: false }).catch(
      () => undefined,
    );
    const reply = await (verifyTimeout > 0 ? Promise.race([renewed, patience]) : renewed);
    end.abort();
    return reply ?? stale(query, entry, serveStale);
  }

  return (query) => {
    if (!options.zones.some((zone) => isSubdomain(zone, query.lower))) return next(query);
    const entry = store.get(query);
    observer.asked(entry);
    if (!entry) return fetch(query);
    const left = (entry.expires - now()) / 1000;
    const { serveStale, prefetch, keepTtl } = options;
    if (left <= 0 && serveStale) {
      if (serveStale.verify) return verified(query, entry, serveStale);
      inBackground(query, entry, serveStale.recheck);
      return stale(query, entry, serveStale);
    }
    if (prefetch && isPopular(entry, prefetch, left, now())) inBackground(query, entry, 0);
    const ttl = Math.floor(keepTtl ? entry.life : left);
    const reply = replyFrom(entry, query, ttl);
    // Prefetching must see every hit, and a stale reply brings about others.
    if (!lasting || prefetch || serveStale) return reply;
    const until = keepTtl ? entry.expires : entry.expires - ttl * 1000;
    return lasting(reply, entry, () => now() < until && !entry.isPushedOut);
  };
}

/** A failure is not, nor, for `prefer_positive`, what does not answer the question that the old reply does. */
function isUsable(query: Query, reply: Reply, wantsAnswer: boolean): boolean {
  if (reply.rcode === Rcode.SERVFAIL || reply.truncated) return false;
  return !wantsAnswer || (reply.rcode === Rcode.NOERROR && answersQuestion(query, reply.answers));
}

function isPopular(
  entry: Entry,
  { amount, duration, percentage }: NonNullable<CacheOptions['prefetch']>,
  left: number,
  time: number,
): boolean {
  entry.hits = time - entry.lastHit > duration ? 1 : entry.hits + 1;
  entry.lastHit = time;
  return entry.hits >= amount && left <= Math.ceil((percentage / 100) * entry.life);
}
