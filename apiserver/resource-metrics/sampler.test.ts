import { expect, test } from 'vitest';
import { parseScrape } from './sampler.ts';

test('what a kubelet tells of containers and node', () => {
  const text = [
    '# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed by the container in core-seconds',
    '# TYPE container_cpu_usage_seconds_total counter',
    'container_cpu_usage_seconds_total{container="c",namespace="default",pod="web-0"} 1.5 1700000000500',
    'container_memory_working_set_bytes{container="c",namespace="default",pod="web-0"} 4096 1700000000500',
    'container_start_time_seconds{container="c",namespace="default",pod="web-0"} 1.6e+09 1700000000500',
    'pod_cpu_usage_seconds_total{namespace="default",pod="web-0"} 1.5 1700000000500',
    'node_cpu_usage_seconds_total 7.25 1700000000500',
    'node_memory_working_set_bytes 1.2e+06 1700000000500',
    '',
  ].join('\n');
  expect(parseScrape(text, 0)).toEqual({
    at: 1_700_000_000_500,
    node: { cpu: 7.25, memory: 1_200_000 },
    containers: new Map([['default/web-0/c', { cpu: 1.5, memory: 4096, started: 1_600_000_000_000 }]]),
  });
  expect(parseScrape('', 5)).toEqual({ at: 5, node: { cpu: 0, memory: 0 }, containers: new Map() });
});
