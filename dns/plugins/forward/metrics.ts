import { joinHostPort } from '../../../api/address.ts';
import { labels, type Metrics } from '../../server/metrics.ts';
import { rcodeName } from '../../wire/message.ts';
import type { UpstreamAddress } from './address.ts';

/** What `forward` counts; upstream: plugin/forward/metrics.go, plugin/pkg/proxy/metrics.go. */
export interface ForwardCounts {
  /** All upstreams were down. */
  broken(): void;
  /** There were `max_concurrent` queries already. */
  rejected(): void;
  of(address: UpstreamAddress): UpstreamCounts;
}

export interface UpstreamCounts {
  answered(rcode: number, seconds: number): void;
  failedProbe(): void;
  /** A query needs one; `isOpen`: it goes over one that is there. */
  connection(proto: 'udp' | 'tcp' | 'tcp-tls', isOpen: boolean): void;
}

/** Upstream's plugin.TimeBuckets. */
const times = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);

export function createCounts(metrics: Metrics): ForwardCounts {
  const broken = metrics.counter(
    'coredns_forward_healthcheck_broken_total',
    'Counter of the number of complete failures of the healthchecks.',
  );
  const rejected = metrics.counter(
    'coredns_forward_max_concurrent_rejects_total',
    'Counter of the number of queries rejected because the concurrent queries were at maximum.',
  );
  const durations = metrics.histogram(
    'coredns_proxy_request_duration_seconds',
    'Histogram of the time each request took.',
    times,
  );
  const failures = metrics.counter(
    'coredns_proxy_healthcheck_failures_total',
    'Counter of the number of failed healthchecks.',
  );
  const hits = metrics.counter(
    'coredns_proxy_conn_cache_hits_total',
    'Counter of connection cache hits per upstream and protocol.',
  );
  const misses = metrics.counter(
    'coredns_proxy_conn_cache_misses_total',
    'Counter of connection cache misses per upstream and protocol.',
  );
  broken.add('', 0);
  rejected.add('', 0);
  return {
    broken: () => broken.add(''),
    rejected: () => rejected.add(''),
    of({ host, port }) {
      const to = { proxy_name: 'forward', to: joinHostPort(host, port) };
      return {
        answered: (rcode, seconds) => durations.observe(labels({ ...to, rcode: rcodeName(rcode) }), seconds),
        failedProbe: () => failures.add(labels(to)),
        connection: (proto, isOpen) => (isOpen ? hits : misses).add(labels({ ...to, proto })),
      };
    },
  };
}
