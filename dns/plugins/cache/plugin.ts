import type { Plugin } from '../../plugin.ts';
import { labels } from '../../server/metrics.ts';
import type { Query, Reply } from '../../wire/message.ts';
import { isSubdomain } from '../../wire/names.ts';
import { createHandler, type Observer } from './handler.ts';
import { parseOptions } from './options.ts';
import { createStore, type Entry } from './store.ts';

/** Keeps replies for as long as their TTLs allow. */
export const cache: Plugin = {
  name: 'cache',
  setup({ tokens, block, surroundings: { metrics }, repeatable, lasting }) {
    const options = parseOptions(tokens, block.zones);
    const now = () => performance.now();
    const store = createStore(options, now);
    const common = { server: `dns://:${block.port}`, view: '', zones: options.zones.join(',') };
    const plain = labels(common);
    const of = {
      success: labels({ ...common, type: 'success' }),
      denial: labels({ ...common, type: 'denial' }),
    };
    const requests = metrics.counter('coredns_cache_requests_total', 'The count of cache requests.');
    const hits = metrics.counter('coredns_cache_hits_total', 'The count of cache hits.');
    const misses = metrics.counter('coredns_cache_misses_total', 'The count of cache misses.');
    const stale = metrics.counter(
      'coredns_cache_served_stale_total',
      'The number of requests served from stale cache entries.',
    );
    const prefetched = metrics.counter(
      'coredns_cache_prefetch_total',
      'The number of times the cache has prefetched a cached item.',
    );
    const entries = metrics.gauge('coredns_cache_entries', 'The number of elements in the cache.');
    // A lasting reply that came by here is one that is not kept: each time it is asked for it is missed.
    const missed = () => {
      requests.add(plain);
      misses.add(plain);
    };
    const isMine = ({ lower }: Query) => options.zones.some((zone) => isSubdomain(zone, lower));
    repeatable({ watcher: (query) => (isMine(query) ? missed : undefined) });
    const hit = ({ kind }: Entry) => {
      requests.add(plain);
      hits.add(of[kind]);
    };
    const observer: Observer = {
      asked: (entry) => (entry ? hit(entry) : missed()),
      servedStale: () => stale.add(plain),
      refreshed: () => prefetched.add(plain),
      stored() {
        entries.set(of.success, store.size.success);
        entries.set(of.denial, store.size.denial);
      },
    };
    const mark = (reply: Reply, entry: Entry, isCurrent: () => boolean) =>
      lasting?.(reply, { isCurrent }, () => () => hit(entry)) ?? reply;
    return (next) => createHandler(options, store, next, now, observer, mark);
  },
};
