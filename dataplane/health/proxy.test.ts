import { expect, test } from 'vitest';
import { createProxyHealth } from './proxy.ts';

function health() {
  const clock = { now: Date.UTC(2026, 10, 21, 17, 0, 0) };
  return { clock, proxy: createProxyHealth({ timeout: 60_000, now: () => clock.now }) };
}
const codes = (proxy: ReturnType<typeof createProxyHealth>) => [proxy.healthz().code, proxy.livez().code];

test('it is healthy while it starts and as long as changes are written in time', () => {
  const { clock, proxy } = health();
  proxy.queued('IPv4');
  clock.now += 3_600_000;
  expect(codes(proxy)).toEqual([200, 200]);
  proxy.updated('IPv4');
  proxy.queued('IPv4');
  clock.now += 59_999;
  expect(codes(proxy)).toEqual([200, 200]);
  clock.now += 1;
  expect(codes(proxy)).toEqual([503, 503]);
  expect(proxy.healthy()).toBe(false);
  proxy.updated('IPv4');
  expect(codes(proxy)).toEqual([200, 200]);
});

test('one stuck family is enough, and only a waiting change makes one', () => {
  const { clock, proxy } = health();
  proxy.updated('IPv4');
  proxy.updated('IPv6');
  clock.now += 86_400_000;
  expect(proxy.healthy()).toBe(true);
  proxy.queued('IPv6');
  clock.now += 60_000;
  expect(proxy.healthy()).toBe(false);
});

test('a node on its way out is not healthy but alive', () => {
  const { proxy } = health();
  proxy.updated('IPv4');
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }];
  proxy.node({ metadata: { name: 'worker' }, spec: { taints } });
  expect(codes(proxy)).toEqual([503, 200]);
  expect(proxy.healthy()).toBe(true);
  proxy.node({ metadata: { name: 'worker' }, spec: {} });
  expect(codes(proxy)).toEqual([200, 200]);
  proxy.node({ metadata: { name: 'worker', deletionTimestamp: '2026-11-21T17:00:00Z' }, spec: {} });
  expect(codes(proxy)).toEqual([503, 200]);
});

test('the bodies are upstream’s', () => {
  const { clock, proxy } = health();
  proxy.updated('IPv4');
  clock.now += 1_250;
  const now = '2026-11-21 17:00:01.25 +0000 UTC';
  expect(proxy.healthz().body).toBe(
    `{"lastUpdated": "${now}","currentTime": "${now}", "nodeEligible": true}`,
  );
  expect(proxy.livez().body).toBe(`{"lastUpdated": "${now}","currentTime": "${now}"}`);
  proxy.node({ metadata: { deletionTimestamp: 'now' } });
  expect(proxy.healthz().body).toBe(
    `{"lastUpdated": "2026-11-21 17:00:00 +0000 UTC","currentTime": "${now}", "nodeEligible": false}`,
  );
});
