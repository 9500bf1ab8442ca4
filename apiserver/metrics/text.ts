import { readdirSync, readFileSync } from 'node:fs';
import type { Resource } from '../../api/scheme.ts';
import { version } from '../http/version.ts';
import type { Cache } from '../storage/cache.ts';
import { buckets, type RequestMetrics, type Series } from './requests.ts';

/** Prometheus' text exposition format, version 0.0.4. */
export const exposition = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The body of `/metrics`, under upstream's names: requests and how long they took, those under way, what is stored,
 * and the process. Upstream: `apiserver/pkg/endpoints/metrics/metrics.go`, `storage/etcd3/metrics/metrics.go`.
 */
export function metricsText(requests: RequestMetrics, cache: Cache, resources: readonly Resource[]): string {
  const all = [...requests.series.values()];
  const common = 'component="apiserver",dry_run=""';
  const lines = (kind: keyof RequestMetrics['inFlight']) => `request_kind="${kind}"`;
  const kinds = ['mutating', 'readOnly'] as const;
  return [
    family(
      'apiserver_request_total',
      'counter',
      'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      all.flatMap(({ labels, codes }) =>
        [...codes].map(([code, count]) => [`code="${code}",${common},${labels}`, count] as const),
      ),
    ),
    histogram(
      'apiserver_request_duration_seconds',
      'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      common,
      all,
    ),
    family(
      'apiserver_longrunning_requests',
      'gauge',
      'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component.',
      all
        .filter(({ labels, open }) => open > 0 || labels.includes('verb="WATCH"'))
        .map(({ labels, open }) => [`component="apiserver",${labels}`, open]),
    ),
    family(
      'apiserver_current_inflight_requests',
      'gauge',
      'Number of currently used inflight request limit of this apiserver per request kind.',
      kinds.map((kind) => [lines(kind), requests.inFlight[kind]]),
    ),
    family(
      'apiserver_dropped_requests_total',
      'counter',
      "Number of requests dropped with 'Try again later' response.",
      kinds.map((kind) => [lines(kind), requests.rejected[kind]]),
    ),
    family(
      'apiserver_storage_objects',
      'gauge',
      'Number of stored objects at the time of last check split by kind.',
      resources.map((resource) => [
        `resource="${resource.group ? `${resource.name}.${resource.group}` : resource.name}"`,
        cache.list(resource).length,
      ]),
    ),
    family('kubernetes_build_info', 'gauge', 'A metric with a constant value of 1, labeled by version.', [
      [
        `git_version="${version.gitVersion}",major="${version.major}",minor="${version.minor}",platform="${version.platform}"`,
        1,
      ],
    ]),
    processText(),
  ].join('');
}

type Sample = readonly [labels: string, value: number];

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => `${name}${labels && `{${labels}}`} ${value}`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
}

function histogram(name: string, help: string, common: string, all: readonly Series[]): string {
  const lines: string[] = [];
  for (const { labels, codes, durations, seconds, open } of all) {
    // Upstream leaves out what lasts as long as the client wants.
    if (labels.includes('verb="WATCH"') || open > 0) continue;
    let sum = 0;
    for (const [index, bound] of buckets.entries()) {
      sum += durations[index] ?? 0;
      lines.push(`${name}_bucket{${common},${labels},le="${bound}"} ${sum}`);
    }
    const count = [...codes.values()].reduce((total, one) => total + one, 0);
    lines.push(`${name}_bucket{${common},${labels},le="+Inf"} ${count}`);
    lines.push(`${name}_sum{${common},${labels}} ${seconds}`, `${name}_count{${common},${labels}} ${count}`);
  }
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join('\n')}\n`;
}

const started = Date.now() / 1000 - process.uptime();

function processText(): string {
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  const files = readdirSync('/proc/self/fd').length;
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  const rows: [string, string, string, number][] = [
    [
      'cpu_seconds_total',
      'counter',
      'Total user and system CPU time spent in seconds.',
      (user + system) / 1e6,
    ],
    ['resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', rss],
    ['start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', started],
    ['open_fds', 'gauge', 'Number of open file descriptors.', files],
    ['max_fds', 'gauge', 'Maximum number of open file descriptors.', Number(limit)],
  ];
  return rows
    .map(([name, type, help, value]) => family(`process_${name}`, type, help, [['', value]]))
    .join('');
}
