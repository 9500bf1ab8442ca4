import type { Family } from '../../api/address.ts';
import type { ProxyMode } from '../configuration.ts';
import type { SyncResult } from '../dataplane.ts';
import { createRegistry } from './registry.ts';

/** One sync of one address family, as far as metrics tell of it. */
export interface MeasuredSync {
  readonly family: Family;
  /** How long the sync itself took. */
  readonly seconds: number;
  /** Whether everything was looked at, not only what had changed. */
  readonly full: boolean;
  readonly result: SyncResult;
  /** When the changes began that this sync put into the kernel, in milliseconds since the epoch. */
  readonly triggers: readonly number[];
  /** Services with a Local policy and no local endpoint, by policy. */
  readonly withoutLocalEndpoints: { readonly internal: number; readonly external: number };
}

/** What happens in a proxy, told as it happens. */
export interface ProxyMetrics {
  serviceChanged(): void;
  endpointsChanged(): void;
  queued(family: Family): void;
  synced(sync: MeasuredSync): void;
  failed(family: Family): void;
  /** What conntrack was rid of, and how long that took. */
  conntrackCleaned(family: Family, seconds: number, deleted: number): void;
  probed(path: 'healthz' | 'livez', code: number): void;
  text(): string;
}

export interface ProxyMetricsOptions {
  readonly mode: ProxyMode;
  /** Rules that stand, by table and family; asked at each reading. iptables only. */
  readonly rules?: () => Iterable<{
    readonly family: Family;
    readonly table: string;
    readonly count: number;
  }>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const exponential = Array.from({ length: 15 }, (_, i) => 2 ** i / 1_000);
const linear = (start: number, width: number, count: number) =>
  Array.from({ length: count }, (_, i) => start + i * width);

/** Metrics under kube-proxy's names, with its buckets. Upstream: `pkg/proxy/metrics/metrics.go`. */
export function createProxyMetrics({
  mode,
  rules = () => [],
  now = Date.now,
}: ProxyMetricsOptions): ProxyMetrics {
  const registry = createRegistry();
  const counter = (name: string, help: string) => registry.counter(`kubeproxy_${name}`, help);
  const gauge = (name: string, help: string) => registry.gauge(`kubeproxy_${name}`, help);
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    registry.histogram(`kubeproxy_${name}`, help, buckets);

  const latency = 'SyncProxyRules latency in seconds';
  const duration = histogram('sync_proxy_rules_duration_seconds', latency, exponential);
  const full = histogram(
    'sync_full_proxy_rules_duration_seconds',
    `${latency} for full resyncs`,
    exponential,
  );
  const partial = histogram(
    'sync_partial_proxy_rules_duration_seconds',
    `${latency} for partial resyncs`,
    exponential,
  );
  const programming = histogram(
    'network_programming_duration_seconds',
    'In Cluster Network Programming Latency in seconds',
    // Upstream's list of bounds begins with a 0 that nobody asked for, and is compared with.
    [0, ...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)],
  );
  const lastSync = gauge(
    'sync_proxy_rules_last_timestamp_seconds',
    'The last time proxy rules were successfully synced',
  );
  const lastQueued = gauge(
    'sync_proxy_rules_last_queued_timestamp_seconds',
    'The last time a sync of proxy rules was queued',
  );
  const changes = (kind: 'endpoint' | 'service', word: string) => ({
    total: counter(`sync_proxy_rules_${kind}_changes_total`, `Cumulative proxy rules ${word} changes`),
    pending: gauge(`sync_proxy_rules_${kind}_changes_pending`, `Pending proxy rules ${word} changes`),
    waiting: 0,
  });
  const endpoints = changes('endpoint', 'Endpoint');
  const services = changes('service', 'Service');
  const withoutLocal = gauge(
    'sync_proxy_rules_no_local_endpoints_total',
    'Number of services with a Local traffic policy and no endpoints',
  );
  const probes = {
    healthz: counter('proxy_healthz_total', 'Cumulative proxy healthz HTTP status'),
    livez: counter('proxy_livez_total', 'Cumulative proxy livez HTTP status'),
  };
  const cleaning = histogram(
    'conntrack_reconciler_sync_duration_seconds',
    'ReconcileConntrackFlowsLatency latency in seconds',
    exponential,
  );
  const cleaned = counter(
    'conntrack_reconciler_deleted_entries_total',
    'Cumulative conntrack flows deleted by conntrack reconciler',
  );
  const failures =
    mode === 'nftables'
      ? counter('sync_proxy_rules_nftables_sync_failures_total', 'Cumulative proxy nftables sync failures')
      : counter(
          'sync_proxy_rules_iptables_restore_failures_total',
          'Cumulative proxy iptables restore failures',
        );
  const total = gauge(
    'sync_proxy_rules_iptables_total',
    'Total number of iptables rules owned by kube-proxy',
  );
  const written = gauge(
    'sync_proxy_rules_iptables_last',
    'Number of iptables rules written by kube-proxy in last sync',
  );

  const count = (kind: typeof endpoints) => () => {
    kind.total.add();
    kind.pending.set(++kind.waiting);
  };
  for (const kind of [endpoints, services]) {
    kind.total.add(0);
    kind.pending.set(0);
  }

  return {
    serviceChanged: count(services),
    endpointsChanged: count(endpoints),
    queued: (family) => lastQueued.set(now() / 1_000, { ip_family: family }),
    synced({ family, seconds, full: whole, result, triggers, withoutLocalEndpoints }) {
      const labels = { ip_family: family };
      duration.observe(seconds, labels);
      if (mode === 'iptables') (whole ? full : partial).observe(seconds, labels);
      for (const trigger of triggers) programming.observe((now() - trigger) / 1_000, labels);
      lastSync.set(now() / 1_000, labels);
      for (const kind of [endpoints, services]) {
        kind.waiting = 0;
        kind.pending.set(0);
      }
      for (const [policy, number] of Object.entries(withoutLocalEndpoints))
        withoutLocal.set(number, { ...labels, traffic_policy: policy });
      if (mode !== 'iptables') return;
      for (const [table, number] of rulesWritten(result.text)) written.set(number, { ...labels, table });
    },
    failed: (family) => failures.add(1, { ip_family: family }),
    conntrackCleaned(family, seconds, deleted) {
      cleaning.observe(seconds, { ip_family: family });
      cleaned.add(deleted, { ip_family: family });
    },
    probed: (path, code) => probes[path].add(1, { code: String(code) }),
    text() {
      for (const { family, table, count: number } of rules()) total.set(number, { ip_family: family, table });
      return registry.text();
    },
  };
}

/** Added or inserted rules of a batch, by table; upstream names nat and filter. */
function rulesWritten(batch: string): Map<string, number> {
  const counts = new Map([
    ['filter', 0],
    ['nat', 0],
  ]);
  let table = '';
  for (const line of batch.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (/^-[AI] /.test(line) && counts.has(table)) counts.set(table, (counts.get(table) ?? 0) + 1);
  }
  return counts;
}
