import { expect, test } from 'vitest';
import { createRegistry } from './registry.ts';

test('counters and gauges are lines with sorted, escaped labels', () => {
  const registry = createRegistry();
  const seen = registry.counter('seen_total', 'What was seen');
  seen.add();
  seen.add(2, { b: 'say "hi"\\\n', a: '1' });
  registry.gauge('now', 'The time').set(12.5);
  expect(registry.text()).toBe(`# HELP seen_total [ALPHA] What was seen
# TYPE seen_total counter
seen_total 1
seen_total{a="1",b="say \\"hi\\"\\\\\\n"} 2
# HELP now [ALPHA] The time
# TYPE now gauge
now 12.5
`);
});

test('the buckets of a histogram are cumulative, and the last one holds all', () => {
  const registry = createRegistry();
  const took = registry.histogram('took_seconds', 'Time', [0.1, 1]);
  for (const value of [0.1, 0.5, 3]) took.observe(value, { ip_family: 'IPv4' });
  expect(registry.text().split('\n').slice(2)).toEqual([
    'took_seconds_bucket{ip_family="IPv4",le="0.1"} 1',
    'took_seconds_bucket{ip_family="IPv4",le="1"} 2',
    'took_seconds_bucket{ip_family="IPv4",le="+Inf"} 3',
    'took_seconds_sum{ip_family="IPv4"} 3.6',
    'took_seconds_count{ip_family="IPv4"} 3',
    '',
  ]);
});

test('a metric without a sample is left out', () => {
  const registry = createRegistry();
  registry.counter('never_total', 'Never');
  expect(registry.text()).toBe('');
});
