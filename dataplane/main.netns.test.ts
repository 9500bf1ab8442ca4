import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { resources } from '../api/scheme.ts';
import { startDataplane } from './main.ts';
import { createMemoryApi } from './testing/client.ts';
import { node as nodeObject, service, slice } from './testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from './testing/sandbox.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
  await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
});
afterAll(() => lab[Symbol.asyncDispose]());

function apiWithService() {
  const api = createMemoryApi();
  api.put(resources.nodes, nodeObject('worker', [nodeIp]));
  api.put(
    resources.services,
    service('ns/web', { clusterIP: '10.96.0.10', ports: [{ name: 'p80', port: 80 }] }),
  );
  api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5'], { port: 9376 }));
  return api;
}

async function start(api: ReturnType<typeof createMemoryApi>, options = {}) {
  const stop = new AbortController();
  const syncs: { text: string; milliseconds: number }[] = [];
  const log: string[] = [];
  const running = await startDataplane(
    {
      client: api.client,
      kernel: lab.kernel,
      nodeName: 'worker',
      mode: 'iptables',
      configuration: { clusterCIDR: '10.244.0.0/16', ...options },
      log: (line) => log.push(line),
      onSync: (sync) => syncs.push(sync),
    },
    { signal: stop.signal },
  );
  return { running, stop, syncs, log };
}

test('rules stand when it has started, follow the API, and outlive it', async () => {
  const api = apiWithService();
  const first = await start(api);
  expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });

  api.put(resources.endpointslices, slice('ns/web', ['10.244.1.6'], { port: 9376 }));
  await vi.waitFor(() => expect(first.syncs).toHaveLength(2), { timeout: 5_000 });
  expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });

  first.stop.abort();
  expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });

  const second = await start(api);
  expect(second.syncs.map(({ text }) => text)).toEqual(['']);
  second.stop.abort();
  await second.running.cleanup();
});

test('events that arrive together are one write', async () => {
  const api = apiWithService();
  const { running, stop, syncs } = await start(api);
  for (let i = 0; i < 50; i++) {
    api.put(
      resources.services,
      service(`ns/s${i}`, { clusterIP: `10.96.1.${i}`, ports: [{ name: 'p80', port: 80 }] }),
    );
    api.put(resources.endpointslices, slice(`ns/s${i}`, ['10.244.1.5']));
  }
  await vi.waitFor(
    () => expect(syncs.map(({ text }) => text).join('')).toContain('ns/s49:p80 -> 10.244.1.5:80'),
    {
      timeout: 5_000,
    },
  );
  expect(syncs.length).toBeLessThan(10);
  stop.abort();
  await running.cleanup();
});

test('what somebody else broke is said and repaired', async () => {
  const api = apiWithService();
  const { running, stop, log } = await start(api);
  await lab.kernel.run('iptables', ['-t', 'nat', '-F']);
  await running.verify();
  expect(log).toEqual([expect.stringContaining('IPv4 rules were changed by somebody else')]);
  expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
  stop.abort();
  await running.cleanup();
});

test('UDP flows to an endpoint that is gone are forgotten', async () => {
  const api = apiWithService();
  const ports = [{ name: 'p80', port: 53, protocol: 'UDP' }];
  api.put(resources.services, service('ns/dns', { clusterIP: '10.96.0.53', ports }));
  const endpoints = (ip: string) => slice('ns/dns', [ip], { port: 9376, protocol: 'UDP' });
  api.put(resources.endpointslices, endpoints('10.244.1.5'));
  const { running, stop } = await start(api);
  expect(await lab.datagram('client', '10.96.0.53', 53)).toBe('pod1 10.244.1.9');
  api.put(resources.endpointslices, endpoints('10.244.1.6'));
  await vi.waitFor(() => expect(lab.commands.some(({ args }) => args.includes('-D'))).toBe(true), {
    timeout: 5_000,
  });
  await running.verify();
  // The same port as before, so without the deletion conntrack would send it to the old endpoint.
  expect(await lab.datagram('client', '10.96.0.53', 53)).toBe('pod2 10.244.1.9');
  stop.abort();
  await running.cleanup();
});

test('a dual-stack Service gets rules of both families', async () => {
  const api = createMemoryApi();
  api.put(resources.nodes, nodeObject('worker', [nodeIp, 'fd00:172::3']));
  const clusterIPs = ['10.96.0.10', 'fd00:96::10'];
  api.put(resources.services, service('ns/web', { clusterIPs, ports: [{ name: 'p80', port: 80 }] }));
  api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5'], { port: 9376 }));
  api.put(
    resources.endpointslices,
    slice('ns/web', ['fd00:244:1::6'], { port: 9376, suffix: 'six', addressType: 'IPv6' }),
  );
  const { running, stop } = await start(api, { clusterCIDR: '10.244.0.0/16,fd00:244::/32' });
  expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
  expect(await lab.connect('client', 'fd00:96::10', 80)).toEqual({ 'pod2 fd00:244:1::9': 1 });
  stop.abort();
  await running.cleanup();
});
