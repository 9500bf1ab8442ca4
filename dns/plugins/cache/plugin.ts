import { type Handler, type Plugin, whenReplied } from '../../plugin.ts';
import { labels } from '../../server/metrics.ts';
import { type Query, Rcode, type Reply } from '../../wire/message.ts';
import { isSubdomain } from '../../wire/names.ts';
import { type CacheOptions, parseOptions } from './options.ts';
import { createStore, type Entry, replyFrom, type Store } from './store.ts';

/** Keeps replies for as long as their TTLs allow. */
export const cache: Plugin = {
  name: 'cache',
  setup({ tokens, block, surroundings: { metrics } }) {
    const options = parseOptions(tokens, block.zones);
    const store = createStore(options, () => performance.now());
    const common = { server: `dns://:${block.port}`, view: '', zones: options.zones.join(',') };
    const hits = metrics.counter('coredns_cache_hits_total', 'The count of cache hits.');
    const misses = metrics.counter('coredns_cache_misses_total', 'The count of cache misses.');
    const labelsOf = {
      success: labels({ ...common, type: 'success' }),
      denial: labels({ ...common, type: 'denial' }),
    };
    const missLabels = labels(common);
    const count = (entry: Entry | undefined) =>
      entry ? hits.add(labelsOf[entry.kind]) : misses.add(missLabels);
    return (next) => createHandler(options, store, next, () => performance.now(), count);
  },
};

/** `now` gives milliseconds; `count` is told what each query found. */
export function createHandler(
  options: CacheOptions,
  store: Store,
  next: Handler,
  now: () => number,
  count: (entry: Entry | undefined) => void = () => {},
): Handler {
  const fetch: Handler = (query) => whenReplied(next(query), (reply) => store.put(query, reply));

  /** In the background; what it fails with is left to the query that will come when the entry is gone. */
  function refresh(query: Query, entry: Entry): void {
    if (entry.refreshing) return;
    entry.refreshing = true;
    Promise.resolve()
      .then(() => fetch(query))
      .catch(() => {})
      .finally(() => {
        entry.refreshing = false;
      });
  }

  async function verified(query: Query, entry: Entry): Promise<Reply> {
    try {
      const reply = await next(query);
      if (reply.rcode !== Rcode.SERVFAIL) return store.put(query, reply);
    } catch {
      // The point of serve_stale: when nobody else answers, the old reply does.
    }
    return replyFrom(entry, query, 0);
  }

  return (query) => {
    if (!options.zones.some((zone) => isSubdomain(zone, query.lower))) return next(query);
    const entry = store.get(query);
    count(entry);
    if (!entry) return fetch(query);
    const left = (entry.expires - now()) / 1000;
    if (left <= 0) {
      if (options.serveStale?.verify) return verified(query, entry);
      refresh(query, entry);
      return replyFrom(entry, query, 0);
    }
    if (options.prefetch && isPopular(entry, options.prefetch, left, now())) refresh(query, entry);
    const ttl = options.keepTtl ? (entry.expires - entry.stored) / 1000 : left;
    return replyFrom(entry, query, Math.floor(ttl));
  };
}

function isPopular(
  entry: Entry,
  { amount, duration, percentage }: NonNullable<CacheOptions['prefetch']>,
  left: number,
  time: number,
): boolean {
  entry.hits = time - entry.lastHit > duration ? 1 : entry.hits + 1;
  entry.lastHit = time;
  const life = (entry.expires - entry.stored) / 1000;
  return entry.hits >= amount && left <= Math.ceil((percentage / 100) * life);
}
