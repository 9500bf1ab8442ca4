import { expect, test } from 'vitest';
import { createProxyMetrics } from './proxy.ts';

const nothing = { text: '', created: 0, changed: 0, deleted: 0 };
const sync = {
  family: 'IPv4',
  seconds: 0.003,
  full: false,
  result: nothing,
  triggers: [],
  withoutLocalEndpoints: { internal: 0, external: 0 },
} as const;
const value = (text: string, series: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.split(' ')[1];

test('changes are pending until the next sync, and counted for ever', () => {
  const metrics = createProxyMetrics({ mode: 'iptables', now: () => 5_000 });
  metrics.serviceChanged();
  metrics.endpointsChanged();
  metrics.endpointsChanged();
  const before = metrics.text();
  expect(value(before, 'kubeproxy_sync_proxy_rules_endpoint_changes_pending')).toBe('2');
  metrics.synced(sync);
  const after = metrics.text();
  expect(value(after, 'kubeproxy_sync_proxy_rules_endpoint_changes_pending')).toBe('0');
  expect(value(after, 'kubeproxy_sync_proxy_rules_endpoint_changes_total')).toBe('2');
  expect(value(after, 'kubeproxy_sync_proxy_rules_service_changes_total')).toBe('1');
  expect(value(after, 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}')).toBe('5');
});

test('network programming runs from the trigger to the end of the sync', () => {
  const metrics = createProxyMetrics({ mode: 'iptables', now: () => 10_000 });
  metrics.synced({ ...sync, triggers: [9_700, 3_000] });
  const text = metrics.text();
  const bucket = (bound: string) =>
    value(text, `kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="${bound}"}`);
  expect([bucket('0'), bucket('0.25'), bucket('0.5'), bucket('7'), bucket('+Inf')]).toEqual([
    '0',
    '0',
    '1',
    '2',
    '2',
  ]);
});

test('iptables mode counts rules by table: those that stand, and those of the last sync', () => {
  const rules = () => [{ family: 'IPv4', table: 'nat', count: 42 }] as const;
  const metrics = createProxyMetrics({ mode: 'iptables', rules });
  const text =
    '*filter\n-A KUBE-SERVICES x\nCOMMIT\n*nat\n:KUBE-SVC-X - [0:0]\n-A KUBE-SVC-X y\n-D KUBE-SVC-Y 1\n-I KUBE-SVC-Y 1 z\nCOMMIT\n';
  metrics.synced({ ...sync, result: { ...nothing, text } });
  const read = metrics.text();
  expect(value(read, 'kubeproxy_sync_proxy_rules_iptables_last{ip_family="IPv4",table="filter"}')).toBe('1');
  expect(value(read, 'kubeproxy_sync_proxy_rules_iptables_last{ip_family="IPv4",table="nat"}')).toBe('2');
  expect(value(read, 'kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"}')).toBe('42');
});

test('failures are counted under the name of the mode', () => {
  const nftables = createProxyMetrics({ mode: 'nftables' });
  nftables.failed('IPv6');
  nftables.synced(sync);
  expect(nftables.text()).toContain(
    'kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv6"} 1',
  );
  expect(nftables.text()).not.toContain('iptables');
});
